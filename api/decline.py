"""What a buyer is told when a payment did not go through: why in a word, with what to try again, and a
sentence in the buyer's language. Nothing of it is a provider's text.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from api.shape import Answer
from domain.decline import Again, Decline, again

WEB = Path(__file__).parent.parent / "web"
DEFAULT = "en"

GUIDANCE: dict[str, Mapping[str, str]] = tomllib.loads((WEB / "guidance.toml").read_text("utf-8"))
# What is said instead when no attempt is left.
EXHAUSTED = GUIDANCE.pop("attempts_exhausted")
LANGUAGES = frozenset(GUIDANCE[Decline.CARD_DECLINED.value])


class DeclineAnswer(Answer):
    """Why a payment did not go through; `retry` says with what the buyer may try again, `guidance` the same
    to the buyer.
    """

    code: Decline
    retry: Again
    guidance: str


def told(decline: Decline, *languages: str | None, attempts_left: int = 1) -> DeclineAnswer:
    """Tell of a decline in the first of these languages (BCP 47) that we have, else in English."""
    named = (each.partition("-")[0].lower() for each in languages if each)
    spoken = next((each for each in named if each in LANGUAGES), DEFAULT)
    retry = again(decline, attempts_left=attempts_left)
    sentences = EXHAUSTED if retry is Again.NO else GUIDANCE[decline.value]
    return DeclineAnswer(code=decline, retry=retry, guidance=sentences[spoken])


def preferred(accept_language: str) -> str | None:
    """Choose from an Accept-Language (RFC 9110) the language that is wanted most and that we have."""
    wanted: list[tuple[float, int, str]] = []
    for place, part in enumerate(accept_language.split(",", 20)[:20]):
        tag, _, quality = part.partition(";")
        name = tag.strip().partition("-")[0].lower()
        if name in LANGUAGES and (weight := _weight(quality)) > 0:
            wanted.append((-weight, place, name))
    return min(wanted)[2] if wanted else None


def _weight(quality: str) -> float:
    name, _, value = quality.partition("=")
    if not name.strip():
        return 1.0
    try:
        return float(value) if name.strip() == "q" else 0.0
    except ValueError:
        return 0.0


async def language(request: Request) -> str | None:
    """Give the language that the caller wants, if we have it."""
    return preferred(request.headers.get("accept-language", ""))


Language = Annotated[str | None, Depends(language)]
