"""A mail server that speaks SMTP (RFC 5321): what it takes lies in the mailbox."""
