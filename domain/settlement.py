"""What news of a payment means, by where its booking stands: the whole table, as one pure function.

While the hold is active the booking's own run acts on it, afterwards the payment's aftercare.
"""

from enum import StrEnum

from domain.booking import BookingStatus


class News(StrEnum):
    """What is known of a payment now that was not known before."""

    SUCCESS = "success"  # authorised or taken, the amount and currency that we asked for
    REPEATED = "repeated"  # the same success, told again
    SECOND = "second"  # another success for what is paid already
    DECLINED = "declined"
    PENDING = "pending"
    REVERSED = "reversed"  # taken back by the bank after a success
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
    _N.REVERSED: {_S.HELD: _C.WAIT, **dict.fromkeys((_S.PURCHASED, _S.LOST, _S.CANCELLED), _C.ASK_A_PERSON)},
    _N.CONFLICTED: {
        _S.HELD: _C.ASK_A_PERSON,
        **dict.fromkeys((_S.PURCHASED, _S.LOST, _S.CANCELLED), _C.REFUND),
    },
    _N.LAPSED: {
        _S.HELD: _C.RELEASE,
        _S.PURCHASED: _C.ASK_A_PERSON,
        **dict.fromkeys((_S.LOST, _S.CANCELLED), _C.NOTHING),
    },
    _N.GIVEN_BACK: {
        **dict.fromkeys((_S.HELD, _S.PURCHASED), _C.CANCEL),
        **dict.fromkeys((_S.LOST, _S.CANCELLED), _C.NOTHING),
    },
    _N.PARTLY_GIVEN_BACK: dict.fromkeys(_S, _C.NOTHING),
    _N.REFUND_RETURNED: {_S.HELD: _C.NOTHING, **dict.fromkeys((_S.PURCHASED, _S.LOST, _S.CANCELLED), _C.OWE)},
}

# A booking whose run is lost is open in its row: its money counts as if its places were gone.
STANDINGS = {
    BookingStatus.CONFIRMED: Standing.PURCHASED,
    BookingStatus.COMPLETED: Standing.PURCHASED,
    BookingStatus.NO_SHOW: Standing.PURCHASED,
    BookingStatus.HELD: Standing.LOST,
    BookingStatus.AWAITING_PAYMENT: Standing.LOST,
    BookingStatus.PAID: Standing.LOST,
    BookingStatus.EXPIRED: Standing.LOST,
    BookingStatus.FAILED: Standing.LOST,
}


def consequence(news: News, standing: Standing) -> Consequence:
    """Say what news of a payment means for a booking that stands there. Pure and total."""
    return TABLE[news][standing]


def without_a_run(status: BookingStatus) -> Standing:
    """Say where a booking stands whose run is over or lost; what gives its money back counts as cancelled."""
    return STANDINGS.get(status, Standing.CANCELLED)
