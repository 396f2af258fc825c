"""SendGrid as its own builders see it: `POST /v3/mail/send`, judged strictly, kept in the mailbox."""
