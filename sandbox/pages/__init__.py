"""Pages for people: the hosted checkout, the challenge, the mailbox and an overview."""
