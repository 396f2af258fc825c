"""Addresses a caller hands over: of pages, endpoints and people."""

from urllib.parse import urlsplit

from sandbox.stripe.error import invalid


def check_url(url: str, param: str) -> str:
    """Return an absolute http(s) address, or raise."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good or any(ord(letter) < 33 for letter in url):
        raise invalid("Not a valid URL", param, "url_invalid")
    return url


def check_email(text: str, param: str) -> str:
    """Return an e-mail address, or raise."""
    name, _, host = text.partition("@")
    if not name or not host or "@" in host or any(ord(letter) < 33 for letter in text):
        raise invalid(f"Invalid email address: {text}", param, "email_invalid")
    return text
