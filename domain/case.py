"""A case: something a person has to look at, open until somebody says what was done about it."""

from enum import StrEnum


class CaseKind(StrEnum):
    """What a case is about; its subject is the id of that thing, of a step or a review the booking's."""

    WEBHOOK = "webhook"
    STEP = "step"
    PAYMENT = "payment"
    REFUND = "refund"
    DISPUTE = "dispute"
    NOTICE = "notice"
    REVIEW = "review"
    PARTNER = "partner"
    INVESTIGATION = "investigation"
