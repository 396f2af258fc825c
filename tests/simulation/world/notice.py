"""The step that sends mails."""

from domain.notice import SendNotice, SendResult, Sent
from tests.simulation.world.payment import Pieces
from tests.simulation.world.rows import Rows


class Notices:
    """Mails, each sent at most once."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def send_notice(self, ask: SendNotice) -> Pieces[Sent]:
        """Send a mail, claimed before it goes out; an answer that was lost is unknown."""
        notice = next(each for each in self._rows.notices.values() if each.id == ask.notice_id)
        if notice.result is None:
            if notice.claimed:
                notice.result = SendResult.UNKNOWN
            else:
                notice.claimed = True
                yield
                notice.sent += 1
                yield
                notice.result = SendResult.ACCEPTED
        return Sent(result=notice.result)
