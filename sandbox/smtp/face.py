"""The mail server as the neutral core knows it."""

import re

from sandbox.answer import Answer

KEY = re.compile(r"smtp_[A-Za-z0-9]{4,80}")


class SmtpFace:
    """What the core asks of a provider; an account is a name to log in with, such as `smtp_holdfast`."""

    provider = "smtp"

    def spelled(self, _kind: str, letters: str, /) -> str:
        """Return the letters as they are."""
        return letters

    def account_key(self, key: str) -> str | None:
        """Return the name if it looks like one of this server's."""
        return key if KEY.fullmatch(key) else None

    def failure(self, status: int) -> Answer:
        """Return the status that was ordered: SMTP's own numbers begin alike."""
        return Answer(status, b"")
