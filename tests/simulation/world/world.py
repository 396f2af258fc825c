"""The whole model world: its rows, and whoever does its steps."""

from tests.simulation.clock import Clock
from tests.simulation.fault import Faults
from tests.simulation.world.booking import Bookings
from tests.simulation.world.inventory import Inventory
from tests.simulation.world.notice import Notices
from tests.simulation.world.payment import Payments
from tests.simulation.world.refund import Refunds
from tests.simulation.world.rows import Rows
from tests.simulation.world.sweep import Sweeps


class World(Rows):
    """A small shop with one slot of `capacity` places; `teller` has to be set before anything happens."""

    def __init__(self, clock: Clock, faults: Faults, *, capacity: int) -> None:
        super().__init__(clock, faults, capacity=capacity)
        self.inventory = Inventory(self)
        self.doers = (
            self.inventory,
            Payments(self),
            Bookings(self, self.inventory),
            Refunds(self),
            Notices(self),
            Sweeps(self),
        )
