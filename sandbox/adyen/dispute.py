"""Disputes as merchants answer them (Disputes API v30); where one stands is told by notifications alone."""

from collections.abc import Callable

from sandbox import dispute as disputes
from sandbox.adyen.call import Call, Reply
from sandbox.adyen.error import foreign_merchant, invalid
from sandbox.dispute import Decided, Dispute
from sandbox.payment import Payment
from sandbox.record import Json, NotFound

# What speaks for a merchant whose goods were delivered; one of several that Adyen knows.
REASON, DOCUMENT = "GoodsOrServicesProvided", "DefenseMaterial"
TYPES = ("application/pdf", "image/jpg", "image/tiff")
DONE: Json = {"disputeServiceResult": {"success": True}}


def reasons(call: Call) -> Reply:
    """List the reasons with which a dispute can be defended, and what each needs."""
    dispute = _found(call)
    wanted = {
        "available": bool(dispute.evidence),
        "defenseDocumentTypeCode": DOCUMENT,
        "requirementLevel": "Required",
    }
    reason = {
        "defenseReasonCode": REASON,
        "defenseDocumentTypes": [wanted],
        "satisfied": bool(dispute.evidence),
    }
    return Reply({"defenseReasons": [reason], **DONE})


def supply(call: Call) -> Reply:
    """Take documents."""
    dispute = _found(call)
    for document in call.params["defenseDocuments"]:
        _check(document)
    if dispute.status in disputes.ENDED:
        return _no("The dispute is closed.")
    dispute.evidence = {"documents": len(call.params["defenseDocuments"])}
    call.work.save(dispute)
    return Reply(DONE)


def defend(call: Call) -> Reply:
    """Defend a dispute with the documents that were supplied."""
    dispute = _found(call)
    if call.params["defenseReasonCode"] != REASON:
        return _no("The defense reason does not apply to this dispute.")
    if not dispute.evidence:
        return _no("A required document is missing.")
    return _done(call, disputes.submit)


def accept(call: Call) -> Reply:
    """Let the shopper have the money."""
    return _done(call, disputes.accept)


def _done(call: Call, act: Callable[..., None]) -> Reply:
    try:
        act(call.work, _found(call))
    except Decided:
        return _no("The dispute can not be answered any more.")
    return Reply(DONE)


def _found(call: Call) -> Dispute:
    try:
        dispute = call.work.get(Dispute, call.params["disputePspReference"])
    except NotFound:
        raise invalid("30_002", "The dispute was not found.") from None
    merchant = call.work.get(Payment, dispute.payment).about["merchant"]
    if merchant != call.params["merchantAccountCode"]:
        raise foreign_merchant()
    return dispute


def _check(document: Json) -> None:
    fields = ("content", "contentType", "defenseDocumentTypeCode")
    if set(document) != set(fields) or not all(isinstance(document[each], str) for each in fields):
        raise invalid("30_003", "A defense document is not valid.")
    if document["contentType"] not in TYPES or document["defenseDocumentTypeCode"] != DOCUMENT:
        raise invalid("30_003", "A defense document is of no valid type.")


def _no(why: str) -> Reply:
    return Reply({"disputeServiceResult": {"success": False, "errorMessage": why}})
