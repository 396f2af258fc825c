"""What news of a payment means, by where what it pays for stands: the whole table, as one pure function.

While the places are held the booking's own run acts on it, afterwards the payment's aftercare. Whoever hears
a fact asks here whether anybody has to be told (`moves`), and whoever is told what has to be done. Where a
booking stands is said by `domain.booking`; who only writes down what a provider said does not know it, and
asks what news may mean anywhere (`may_mean`).
"""

from enum import StrEnum

from domain.payment import LAPSED, Closing, FactKind, PaymentFact, PaymentReport, PaymentStatus


class News(StrEnum):
    """What is known of a payment now that was not known before."""

    SUCCESS = "success"  # authorised or taken, the amount and currency that we asked for
    REPEATED = "repeated"  # the same success, told again
    SECOND = "second"  # another success for what is paid already
    DECLINED = "declined"
    PENDING = "pending"
    REVERSED = "reversed"  # a capture that was counted has failed after all
    CONFLICTED = "conflicted"  # another amount or currency than we asked for
    LAPSED = "lapsed"  # cancelled or expired at the provider
    GIVEN_BACK = "given_back"  # in full, at the provider's own desk
    PARTLY_GIVEN_BACK = "partly_given_back"
    REFUND_RETURNED = "refund_returned"


class Standing(StrEnum):
    """Where a booking stands, as far as its money is concerned."""

    HELD = "held"  # its places are held, its run is open
    PURCHASED = "purchased"
    LOST = "lost"  # expired or failed: the places are somebody's
    CANCELLED = "cancelled"


class Consequence(StrEnum):
    """What has to be done."""

    CONFIRM = "confirm"
    RETAKE = "retake"  # take the places again if they are free and on sale, else refund
    REFUND = "refund"  # or void, what was only authorised
    COUNT = "count"  # as an attempt: the last one ends the booking
    WAIT = "wait"  # keep the places a bounded time longer
    RELEASE = "release"
    CANCEL = "cancel"  # the booking: tickets void, places free
    RECORD = "record"  # the refund: books, and a notice for the buyer
    OWE = "owe"  # the refund again
    ASK_A_PERSON = "ask_a_person"
    NOTHING = "nothing"


_N, _S, _C = News, Standing, Consequence

TABLE: dict[News, dict[Standing, Consequence]] = {
    _N.SUCCESS: {_S.HELD: _C.CONFIRM, _S.PURCHASED: _C.NOTHING, _S.LOST: _C.RETAKE, _S.CANCELLED: _C.REFUND},
    _N.REPEATED: dict.fromkeys(_S, _C.NOTHING),
    _N.SECOND: dict.fromkeys(_S, _C.REFUND),
    _N.DECLINED: {_S.HELD: _C.COUNT, **dict.fromkeys((_S.PURCHASED, _S.LOST, _S.CANCELLED), _C.NOTHING)},
    _N.PENDING: {_S.HELD: _C.WAIT, **dict.fromkeys((_S.PURCHASED, _S.LOST, _S.CANCELLED), _C.NOTHING)},
    _N.REVERSED: dict.fromkeys(_S, _C.ASK_A_PERSON),
    _N.CONFLICTED: {
        _S.HELD: _C.ASK_A_PERSON,
        **dict.fromkeys((_S.PURCHASED, _S.LOST, _S.CANCELLED), _C.REFUND),
    },
    # What pays for a confirmed booking was captured before: what lapses then is another attempt.
    _N.LAPSED: {_S.HELD: _C.RELEASE, **dict.fromkeys((_S.PURCHASED, _S.LOST, _S.CANCELLED), _C.NOTHING)},
    _N.GIVEN_BACK: {
        **dict.fromkeys((_S.HELD, _S.PURCHASED), _C.CANCEL),
        **dict.fromkeys((_S.LOST, _S.CANCELLED), _C.RECORD),
    },
    _N.PARTLY_GIVEN_BACK: dict.fromkeys(_S, _C.RECORD),
    _N.REFUND_RETURNED: dict.fromkeys(_S, _C.OWE),
}

# Of these nobody has to be told: whether to wait is asked when the time is over.
_IDLE = frozenset({Consequence.NOTHING, Consequence.WAIT})
# What somebody has decided against a payment that is waited for.
_AGAINST = frozenset({Consequence.COUNT, Consequence.RELEASE})

_TELLS = {
    FactKind.DECLINED: News.DECLINED,
    FactKind.CANCELLED: News.LAPSED,
    FactKind.EXPIRED: News.LAPSED,
    FactKind.REFUND_FAILED: News.REFUND_RETURNED,
}

# What became of a checkout that we have closed.
_CLOSED = {Closing.CLOSED: News.LAPSED, Closing.PAID: News.SUCCESS, Closing.PROCESSING: News.PENDING}


def consequence(news: News, standing: Standing) -> Consequence:
    """Say what news of a payment means for a booking that stands there. Pure and total."""
    return TABLE[news][standing]


def may_mean(news: News, what: Consequence) -> bool:
    """Say whether news of a payment means this wherever, or at least somewhere: who asks does not know where
    its booking stands, or will stand tomorrow.
    """
    return what in TABLE[news].values()


def news_of(fact: PaymentFact, standing: Standing, *, counted: bool, captured_minor: int) -> News:
    """Say what a fact is news of: `counted` is whether the operation that it names was counted as captured,
    `captured_minor` what was taken by its payment so far.
    """
    match fact.kind:
        case FactKind.AUTHORIZED | FactKind.CAPTURED:
            if counted:
                return News.REPEATED
            return News.SECOND if captured_minor or standing is Standing.PURCHASED else News.SUCCESS
        case FactKind.FAILED:
            return News.REVERSED if counted else News.LAPSED
        case FactKind.REFUNDED:
            whole = fact.amount is not None and fact.amount.minor >= captured_minor
            return News.GIVEN_BACK if whole else News.PARTLY_GIVEN_BACK
        case _:
            return _TELLS.get(fact.kind, News.PENDING)


def at_the_deadline(closing: Closing) -> Consequence:
    """Say what becomes of a hold whose time is over, by what became of the checkout that was open."""
    return consequence(_CLOSED[closing], Standing.HELD)


def is_given_up(report: PaymentReport | None, *, declined: bool) -> bool:
    """Say whether nothing is to be waited for any more, once the wait was put off for this payment: it has
    lapsed, or a bank has `declined` meanwhile.
    """
    told = [News.DECLINED] if declined else []
    told += [News.LAPSED] if report is not None and report.status in LAPSED else []
    return any(consequence(news, Standing.HELD) in _AGAINST for news in told)


def moves(news: News, standing: Standing) -> bool:
    """Say whether somebody has to act on news: the run of the booking, the aftercare, or a person."""
    return consequence(news, standing) not in _IDLE


def moves_after_the_end(fact: PaymentFact, report: PaymentReport | None) -> bool:
    """Say whether a fact that a booking's run has not used may still move something once the run is over,
    however that ended. `report` is what is known of the payment.
    """
    counted = report is not None and report.status is PaymentStatus.CAPTURED
    captured_minor = report.captured_minor if report else 0
    ends = (Standing.PURCHASED, Standing.LOST, Standing.CANCELLED)
    told = ((news_of(fact, end, counted=counted, captured_minor=captured_minor), end) for end in ends)
    return any(moves(news, end) for news, end in told)


def surplus_of(report: PaymentReport, *, paid: bool) -> bool:
    """Say whether a payment keeps money that has to go back from a booking that is confirmed; `paid`: without
    it.
    """
    news = News.CONFLICTED if report.status is PaymentStatus.CONFLICTED else News.SUCCESS
    news = News.SECOND if paid and news is News.SUCCESS else news
    return report.kept_minor > 0 and consequence(news, Standing.PURCHASED) is Consequence.REFUND
