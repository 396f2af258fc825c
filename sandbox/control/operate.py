"""Running the sandbox: health, reset, clocks, faults, endpoints, deliveries."""

import asyncio

from fastapi import APIRouter, HTTPException

from sandbox import bank, capture, fault, webhook
from sandbox.account import Account
from sandbox.control.wish import Advance, Bank, Captures, Hook, Reset, Retold, Retries, Seed, Trouble, Wait
from sandbox.event import Endpoint, Event
from sandbox.fault import Fault
from sandbox.record import Json
from sandbox.schedule import Schedule
from sandbox.webhook import Deliverer
from sandbox.work import World


def routes(part: "Operate") -> APIRouter:
    """Return the routes of this part."""
    router = APIRouter(prefix="/_sandbox")
    for method, path, answer in (
        ("GET", "/health", part.health),
        ("POST", "/reset", part.reset),
        ("POST", "/seed", part.seed),
        ("GET", "/clock", part.clock),
        ("POST", "/clock/advance", part.advance),
        ("GET", "/faults", part.faults),
        ("POST", "/faults", part.add_fault),
        ("DELETE", "/faults", part.clear_faults),
        ("POST", "/faults/release", part.release_answers),
        ("DELETE", "/faults/{number}", part.clear_fault),
        ("PUT", "/accounts/{key}/endpoints", part.put_endpoint),
        ("PUT", "/accounts/{key}/bank", part.set_bank),
        ("PUT", "/accounts/{key}/captures", part.set_captures),
        ("PUT", "/webhooks", part.set_retries),
        ("GET", "/deliveries", part.deliveries),
        ("POST", "/deliveries/drain", part.drain),
        ("POST", "/deliveries/release", part.release),
        ("POST", "/deliveries/{number}/redeliver", part.redeliver),
        ("POST", "/events/{event_id}/redeliver", part.redeliver_event),
        ("POST", "/events/{event_id}/retell", part.retell_event),
    ):
        router.add_api_route(path, answer, methods=[method], response_model=None)
    return router


def resolve(world: World, key: str, *, make: bool = False) -> Account:
    """Return the account a key or id stands for; `make` it if it is new, else answer 404."""
    named = world.named(key)
    account = None if named is None else world.account(*named) if make else world.known(*named)
    if account is None:
        raise HTTPException(404, f"no account has the key {key[:12]}… yet")
    return account


class Operate:
    """Answers about the process itself, for all accounts or one."""

    def __init__(self, world: World, schedule: Schedule, deliverer: Deliverer) -> None:
        self.world, self.schedule, self.deliverer = world, schedule, deliverer

    async def health(self) -> Json:
        """Tell that the sandbox answers, and whether anything in it is broken."""
        stuck = self.schedule.stuck()
        return {
            "status": "broken" if stuck else "ok",
            "seed": self.world.seed,
            "time": self.world.clock.wall() + self.world.offset,
            "providers": sorted(self.world.faces),
            "accounts": len(self.world.accounts()),
            "smtp_port": self.world.smtp_port,
            "stuck_jobs": stuck,
        }

    async def reset(self, wish: Reset) -> Json:
        """Forget one account, or all of them with all faults."""
        if wish.account is None:
            gone = self.world.accounts()
            self.world.faults.clear()
            self.world.set_offset(0.0)
        else:
            named = self.world.named(wish.account)
            account = None if named is None else self.world.known(*named)
            gone = [] if account is None else [account]
        for account in gone:
            self.world.forget(account)
        return {"forgotten": [account.id for account in gone]}

    async def seed(self, wish: Seed) -> Json:
        """Set the seed; accounts that exist keep their ids."""
        self.world.set_seed(wish.seed)
        return {"seed": wish.seed}

    async def clock(self, account: str | None = None) -> Json:
        """Tell the time on an account's clock."""
        offset = self.world.offset if account is None else resolve(self.world, account).offset
        return {"now": self.world.clock.wall() + offset, "offset": offset}

    async def advance(self, wish: Advance) -> Json:
        """Move clocks ahead, do what falls due, wait until its webhooks have been tried."""
        if wish.account is None:
            accounts = self.world.accounts()
            self.world.set_offset(self.world.offset + wish.seconds)
        else:
            accounts = [resolve(self.world, wish.account, make=True)]
        for account in accounts:
            self.world.shift(account, wish.seconds)
        done = self.schedule.run_due()
        return {"jobs_done": done, "delivered": await self._drained(wish.wait_seconds)}

    async def _drained(self, seconds: float) -> bool:
        self.deliverer.wake()
        try:
            await asyncio.wait_for(self.deliverer.idle(), seconds)
        except TimeoutError:
            return False
        return True

    async def faults(self) -> list[Json]:
        """List what is still to go wrong."""
        return [vars(each) for each in self.world.faults.open]

    async def add_fault(self, wish: Trouble) -> Json:
        """Order something to go wrong."""
        if wish.kind not in fault.KINDS:
            raise HTTPException(422, f"kind must be one of {', '.join(sorted(fault.KINDS))}")
        if wish.provider != "*" and wish.provider not in self.world.faces:
            raise HTTPException(422, f"provider must be * or one of {', '.join(sorted(self.world.faces))}")
        account = None if wish.account is None else resolve(self.world, wish.account, make=True).id
        ordered = Fault(wish.provider, wish.kind, account, wish.route, wish.times, wish.detail())
        return vars(self.world.faults.add(ordered))

    async def clear_faults(self, account: str | None = None) -> Json:
        """Take all faults back, or those of an account."""
        owner = None if account is None else resolve(self.world, account, make=True).id
        return {"cleared": self.world.faults.clear(owner)}

    async def clear_fault(self, number: int) -> Json:
        """Take one fault back."""
        return {"cleared": self.world.faults.clear(seq=number)}

    async def release_answers(self, wish: Reset) -> Json:
        """Let answers go that a fault keeps back, of one account or all."""
        owner = None if wish.account is None else resolve(self.world, wish.account).id
        return {"released": self.world.faults.release(owner)}

    async def put_endpoint(self, key: str, wish: Hook) -> Json:
        """Register an endpoint with a given secret; the same address again replaces it."""
        account = resolve(self.world, key, make=True)
        with self.world.work(account) as work:
            for old in work.store.all(Endpoint, account.id):
                if (old.url, old.of_payees) == (wish.url, wish.of_payees):
                    old.secret, old.types, old.enabled = wish.secret, wish.types, True
                    work.save(old)
                    return {"id": old.id}
            endpoint = Endpoint(
                id=work.new_id("endpoint"),
                account=account.id,
                created=work.now,
                url=wish.url,
                secret=wish.secret,
                types=wish.types,
                of_payees=wish.of_payees,
            )
            work.add(endpoint)
        return {"id": endpoint.id}

    async def set_bank(self, key: str, wish: Bank) -> Json:
        """Set how long banks take, by an account's clock, for debits that begin from now on."""
        with self.world.work(resolve(self.world, key, make=True)) as work:
            bank.set_settle_seconds(work, wish.settle_seconds)
        return {"settle_seconds": wish.settle_seconds}

    async def set_captures(self, key: str, wish: Captures) -> Json:
        """Set whether an account takes holds in several parts, from now on; Adyen's accounts alone."""
        account = resolve(self.world, key, make=True)
        if account.provider != "adyen":
            raise HTTPException(409, f"{account.provider} does not play this here")
        with self.world.work(account) as work:
            capture.set_several(work, several=wish.several)
        return {"several": wish.several}

    async def set_retries(self, wish: Retries) -> Json:
        """Set how long deliverers wait between attempts, for all providers."""
        self.deliverer.retry_seconds = None if wish.retry_seconds is None else tuple(wish.retry_seconds)
        return {"retry_seconds": wish.retry_seconds}

    async def deliveries(
        self, account: str | None = None, event: str | None = None, status: str | None = None
    ) -> list[Json]:
        """List deliveries with every attempt, oldest first."""
        owner = None if account is None else resolve(self.world, account).id
        given = {
            name: value
            for name, value in (("account", owner), ("event", event), ("status", status))
            if value is not None
        }
        where = " AND ".join(f"{name} = ?" for name in given) or "1"
        return webhook.deliveries(self.world, where, tuple(given.values()))

    async def drain(self, wish: Wait) -> Json:
        """Wait until no delivery is due or on its way."""
        self.schedule.run_due()
        return {"delivered": await self._drained(wish.seconds)}

    async def release(self, wish: Reset) -> Json:
        """Send what a fault held back, of one account or all."""
        owner = None if wish.account is None else resolve(self.world, wish.account).id
        cursor = self.world.store.db.execute(
            "UPDATE deliveries SET status = 'pending', due = ?"
            " WHERE status = 'held' AND (? IS NULL OR account = ?)",
            (self.world.clock.wall(), owner, owner),
        )
        self.deliverer.wake()
        return {"released": cursor.rowcount}

    async def redeliver(self, number: int) -> Json:
        """Send a delivery again, whatever became of it."""
        return self._again("seq = ?", number)

    async def redeliver_event(self, event_id: str) -> Json:
        """Send an event again to everyone it was meant for."""
        if self.world.store.owner(Event, event_id) is None:
            raise HTTPException(404, f"no such event: {event_id[:80]}")
        return self._again("event = ?", event_id)

    async def retell_event(self, event_id: str, wish: Retold) -> Json:
        """Tell an event as another one that is signed as well and says something else."""
        account = self.world.account_by_id(self.world.store.owner(Event, event_id) or "")
        if account is None:
            raise HTTPException(404, f"no such event: {event_id[:80]}")
        with self.world.work(account) as work:
            try:
                told = work.retell(work.get(Event, event_id), wish.changes)
            except (KeyError, IndexError, ValueError, TypeError):
                raise HTTPException(422, "a path of the changes leads nowhere in this event") from None
        return {"event": told.id}

    def _again(self, where: str, value: object) -> Json:
        sql = f"UPDATE deliveries SET status = 'pending', due = ?, trick = '{{}}' WHERE {where}"  # noqa: S608
        cursor = self.world.store.db.execute(sql, (self.world.clock.wall(), value))
        if cursor.rowcount == 0:
            raise HTTPException(404, "no such delivery")
        self.deliverer.wake()
        return {"redelivered": cursor.rowcount}
