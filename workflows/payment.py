"""What a booking's run knows of its payments: what anybody told, and what the provider has confirmed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from domain.ids import PaymentId
from domain.payment import PAYABLE, PaymentFact, PaymentReport, PaymentStatus
from domain.settlement import moves_after_the_end, surplus_of


@dataclass
class Payments:
    """Facts as they were told, and reports as they were asked for.

    `heard` are facts about which the provider has answered, `unanswered` those about which it could not;
    `to_check` are payments to be asked about though nobody told of them, `silent` those of them about which
    it could not answer.
    Amounts in minor units: `secured_minor` is taken or can be taken at will.
    """

    facts: dict[str, PaymentFact] = field(default_factory=dict)
    heard: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)
    to_check: list[PaymentId] = field(default_factory=list)
    silent: set[PaymentId] = field(default_factory=set)
    reports: dict[PaymentId, PaymentReport] = field(default_factory=dict)
    secured_minor: int = 0
    declines: int = 0

    def told(self, fact: PaymentFact | None) -> None:
        """Keep a fact; told again it is the same. News is a good moment to ask about the others again."""
        if fact is not None:  # a signal without a payload, sent by hand, is no news
            self.facts.setdefault(fact.event_id, fact)
        self.ask_again()

    @property
    def in_doubt(self) -> bool:
        """Whether the provider could not answer about one of them."""
        return bool(self.unanswered or self.silent)

    def ask_again(self) -> None:
        """Have it asked again about all that it could not answer about."""
        self.unanswered.clear()
        self.to_check += sorted(self.silent)
        self.silent.clear()

    @property
    def news(self) -> list[PaymentFact]:
        """Facts about which nobody was asked yet."""
        fresh = self.facts.keys() - self.heard - self.unanswered
        return [self.facts[event_id] for event_id in sorted(fresh)]

    def asked(self, facts: Iterable[PaymentFact], *, answered: bool) -> None:
        """Note that the provider was asked about these facts."""
        (self.heard if answered else self.unanswered).update(fact.event_id for fact in facts)

    def checked(self, answered: Mapping[PaymentId, bool]) -> None:
        """Note which payments were asked about, and whether the provider has answered."""
        self.silent -= answered.keys()
        self.silent.update(each for each in self.to_check if answered.get(each) is False)
        self.to_check = [each for each in self.to_check if each not in answered]

    def note(self, report: PaymentReport) -> None:
        """Note what the provider has confirmed."""
        self.reports[report.payment_id] = report
        self.secured_minor = report.booking_secured_minor
        self.declines = max(self.declines, report.booking_declines)

    def may_be_paid(self, payment_id: PaymentId) -> bool:
        """Say whether somebody may still pay a payment."""
        report = self.reports.get(payment_id)
        return report is None or report.status in PAYABLE

    @property
    def authorized(self) -> list[PaymentReport]:
        """Payments whose money is there to be taken."""
        return [report for report in self.reports.values() if report.status is PaymentStatus.AUTHORIZED]

    @property
    def suspicious(self) -> bool:
        """Whether a person should look at one of them."""
        return any(report.review for report in self.reports.values())

    @property
    def unheard(self) -> tuple[PaymentFact, ...]:
        """Facts about which the provider has not answered."""
        return tuple(self.facts[event_id] for event_id in sorted(self.facts.keys() - self.heard))

    @property
    def unused(self) -> list[PaymentFact]:
        """Unheard facts that could still move money."""
        return [fact for fact in self.unheard if moves_after_the_end(fact, self.reports.get(fact.payment_id))]

    @property
    def doubtful(self) -> list[PaymentId]:
        """List the payments of which somebody has told, but the provider has not said that they are taken."""
        told = {*self.silent, *self.to_check, *(fact.payment_id for fact in self.unused)}
        return sorted(each for each in told if not self._is_taken(each))

    def _is_taken(self, payment_id: PaymentId) -> bool:
        report = self.reports.get(payment_id)
        return report is not None and report.status is PaymentStatus.CAPTURED

    def for_aftercare(self, most: int) -> list[PaymentId]:
        """List the payments that may keep money though `most` is paid without them.

        With one in doubt these are all that keep any: its money may be written down though its answer was
        lost, and then it pays for the booking instead of one that we know of.
        """
        if not self.doubtful:
            return self.surplus(most)
        keeping = [report.payment_id for report in self.reports.values() if report.kept_minor > 0]
        return [*dict.fromkeys([*self.doubtful, *keeping])]

    def surplus(self, most: int) -> list[PaymentId]:
        """List the payments that keep money though `most` is paid without them."""
        kept, found = 0, list[PaymentId]()
        for report in self.reports.values():
            if surplus_of(report, paid=kept >= most):
                found.append(report.payment_id)
            elif report.status is not PaymentStatus.CONFLICTED:
                kept += report.kept_minor
        return found
