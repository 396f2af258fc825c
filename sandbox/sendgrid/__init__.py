"""SendGrid as its own package sees it: mail is judged, kept in the mailbox and followed to its end."""
