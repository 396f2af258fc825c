"""`./dev features`: writes docs/features.md, each requirement with the tests that prove it."""


def write(*, check: bool) -> None:
    """Write docs/features.md; with `check` only fail when it would change."""
