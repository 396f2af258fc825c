"""Lists of addresses that get no more mail: bounces, blocks, complaints, invalid ones, unsubscribes."""

from dataclasses import dataclass
from typing import ClassVar

from sandbox.answer import Answer
from sandbox.record import Json, Record
from sandbox.sendgrid.call import Call, Refused, done, no_such, told
from sandbox.sendgrid.shape import address_text, array, boolean, error, struct
from sandbox.work import Work

LARGEST_PAGE = 500
UNSUBSCRIBES = "unsubscribes"

# What a mail is dropped for, by the list its recipient is on; who is blocked gets the next mail all the same.
REASONS = {
    "bounces": "Bounced Address",
    "spam_reports": "Spam Reporting Address",
    "invalid_emails": "Invalid",
    UNSUBSCRIBES: "Unsubscribed Address",
}
GROUPS = (*REASONS, "blocks")

# Which lists a mail's settings let it pass by.
BYPASSES = {
    "bypass_list_management": frozenset(REASONS),
    "bypass_bounce_management": frozenset({"bounces"}),
    "bypass_spam_management": frozenset({"spam_reports"}),
    "bypass_unsubscribe_management": frozenset({UNSUBSCRIBES}),
}

CHOSEN = struct({"delete_all": boolean, "emails": array(address_text)})
NAMED = struct({"recipient_emails": array(address_text, least=1)}, ("recipient_emails",))


@dataclass(kw_only=True)
class Suppression(Record):
    """An address on one of an account's lists."""

    kind: ClassVar[str] = "suppression"

    group: str
    email: str
    reason: str = ""
    status: str = ""


def bypassed(mail_settings: Json) -> frozenset[str]:
    """Return the lists that a mail with these settings passes by."""
    chosen = (groups for name, groups in BYPASSES.items() if mail_settings.get(name, {}).get("enable"))
    return frozenset[str]().union(*chosen)


def why(work: Work, email: str, passed_by: frozenset[str]) -> str | None:
    """Return why mail to an address is dropped, None if it is not."""
    on = {each.group for each in _listed(work) if each.email == email.lower()}
    return next((REASONS[group] for group in REASONS if group in on - passed_by), None)


def add(work: Work, group: str, email: str, reason: str = "", status: str = "") -> None:
    """Put an address on a list, where it stands once."""
    if any(each.group == group and each.email == email.lower() for each in _listed(work)):
        return
    work.add(
        Suppression(
            id=work.new_id("suppression"),
            account=work.account.id,
            created=work.now,
            group=group,
            email=email.lower(),
            reason=reason,
            status=status,
        )
    )


def list_all(call: Call) -> Answer:
    """List a group's addresses, newest first, between two instants if asked."""
    since, until = _number(call, "start_time", 0), _number(call, "end_time", 2**53)
    first, most = _number(call, "offset", 0), _number(call, "limit", LARGEST_PAGE)
    found = [each for each in reversed(_of(call)) if since <= each.created <= until]
    return told([_shown(each) for each in found[first : first + min(most, LARGEST_PAGE)]])


def retrieve(call: Call) -> Answer:
    """Return one address of a group as a list of one, or an empty list."""
    return told([_shown(each) for each in _of(call) if each.email == call.names[1].lower()])


def delete_one(call: Call) -> Answer:
    """Take one address off a group's list."""
    found = [each for each in _of(call) if each.email == call.names[1].lower()]
    if not found:
        raise no_such()
    return _delete(call, found)


def delete_many(call: Call) -> Answer:
    """Take chosen addresses, or all, off a group's list."""
    errors = list(CHOSEN(call.body, ""))
    if not errors and ("emails" in call.body) == bool(call.body.get("delete_all")):
        errors = [error("Either delete_all or emails has to be given.", None)]
    if errors:
        raise Refused(400, *errors)
    chosen = {email.lower() for email in call.body.get("emails", ())}
    return _delete(call, [each for each in _of(call) if call.body.get("delete_all") or each.email in chosen])


def unsubscribe(call: Call) -> Answer:
    """Put addresses on the list of those that want nothing at all."""
    errors = list(NAMED(call.body, ""))
    if errors:
        raise Refused(400, *errors)
    for email in call.body["recipient_emails"]:
        add(call.work, UNSUBSCRIBES, email)
    return told({"recipient_emails": call.body["recipient_emails"]}, 201)


def is_unsubscribed(call: Call) -> Answer:
    """Return an address if it wants nothing at all, else an empty object."""
    email = call.names[0].lower()
    return told({"recipient_email": email} if _unsubscribed(call.work, email) else {})


def subscribe(call: Call) -> Answer:
    """Take an address off that list."""
    found = _unsubscribed(call.work, call.names[0].lower())
    if not found:
        raise no_such()
    return _delete(call, found)


def _listed(work: Work) -> list[Suppression]:
    return work.store.all(Suppression, work.account.id)


def _of(call: Call) -> list[Suppression]:
    return [each for each in _listed(call.work) if each.group == call.names[0]]


def _unsubscribed(work: Work, email: str) -> list[Suppression]:
    return [each for each in _listed(work) if (each.group, each.email) == (UNSUBSCRIBES, email)]


def _delete(call: Call, found: list[Suppression]) -> Answer:
    for each in found:
        call.work.store.delete(each)
    return done()


def _number(call: Call, name: str, default: int) -> int:
    text = call.query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) <= 16):
        raise Refused(400, error(f"{name} must be a number.", name))
    return int(text)


def _shown(each: Suppression) -> Json:
    shown: Json = {"created": each.created, "email": each.email}
    if each.group in ("bounces", "blocks"):
        return {**shown, "reason": each.reason, "status": each.status}
    if each.group == "invalid_emails":
        return {**shown, "reason": each.reason}
    return shown
