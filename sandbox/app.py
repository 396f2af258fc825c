"""The parts put together: providers, pages, control, and what runs in the background."""

import asyncio
import contextlib
import gc
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from sandbox import checkout, debit, dispute, payment, payout as sent, refund
from sandbox.adyen import modification
from sandbox.adyen.door import AdyenDoor
from sandbox.adyen.face import AdyenFace
from sandbox.control import bank, batch, buyer, desk, look, operate
from sandbox.control.buyer import Buyer
from sandbox.control.door import ControlDoor
from sandbox.control.operate import Operate
from sandbox.pages import mailbox, overview, pay
from sandbox.paypal import payout
from sandbox.paypal.door import PayPalDoor
from sandbox.paypal.face import PayPalFace
from sandbox.schedule import Schedule
from sandbox.sendgrid import letter
from sandbox.sendgrid.door import SendGridDoor
from sandbox.sendgrid.face import SendGridFace
from sandbox.smtp.face import SmtpFace
from sandbox.smtp.server import SmtpServer
from sandbox.stripe.door import StripeDoor
from sandbox.stripe.face import StripeFace
from sandbox.webhook import Deliverer
from sandbox.work import World

Door = Callable[[Request], Awaitable[Response]]

JOBS = {
    "attempt.settle": payment.settle,
    "attempt.lapse": payment.lapse,
    "attempt.dispute": dispute.regret,
    "dispute.decide": dispute.decide_in_time,
    "debit.collect": debit.collect_in_time,
    sent.JOB: sent.advance_in_time,
    "refund.succeed": refund.succeed,
    "refund.fail": refund.fail,
    "checkout.expire": checkout.expire_in_time,
    modification.JOB: modification.perform,
    letter.JOB: letter.carry,
    payout.PROCESS_JOB: payout.process,
    payout.RETURN_JOB: payout.return_in_time,
}


async def unreadable(_: Request, error: Any) -> Response:
    """Say what is wrong with a wish, without repeating it: what was sent may not be JSON."""
    wrong = [{"field": ".".join(map(str, each["loc"])), "message": each["msg"]} for each in error.errors()]
    return JSONResponse({"detail": wrong}, 422)


class Sandbox:
    """The ASGI application: providers' doors by the first step of the path, then all the rest."""

    def __init__(
        self,
        world: World,
        *,
        retry_seconds: tuple[float, ...] | None = None,
        mail_door: socket.socket | None = None,
    ) -> None:
        self.world = world
        stripe, adyen, paypal, sendgrid = StripeFace(), AdyenFace(), PayPalFace(world), SendGridFace()
        for face in (stripe, adyen, paypal, sendgrid, SmtpFace()):
            world.play(face)
        self.doors: dict[str, Door] = {
            "stripe": StripeDoor(world, stripe),
            "adyen": AdyenDoor(world, adyen),
            "paypal": PayPalDoor(world, paypal),
            "sendgrid": SendGridDoor(world, sendgrid),
        }
        self.schedule, self.deliverer = Schedule(world, JOBS), Deliverer(world, retry_seconds)
        self.smtp = SmtpServer(world, mail_door) if mail_door else None
        world.stirred = self.stir
        self.web = FastAPI(title="Sandbox", lifespan=self._lifespan, docs_url=None, redoc_url=None)
        self.web.add_exception_handler(RequestValidationError, unreadable)
        operator = Operate(world, self.schedule, self.deliverer)
        for router in (
            buyer.routes(world),  # first, for routes are tried in turn, and most is paid
            operate.routes(operator),
            look.routes(world),
            bank.routes(world),
            batch.routes(world),
            desk.routes(world),
            pay.routes(world),
            mailbox.routes(world),
            overview.routes(operator),
        ):
            self.web.include_router(router)
        self.control = ControlDoor(Buyer(world), self.web)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        door = self.doors.get(scope["path"].split("/", 2)[1]) if scope["type"] == "http" else None
        if door is None:
            await self.control(scope, receive, send)
            return
        response = await door(Request(scope, receive))
        await response(scope, receive, send)

    def stir(self) -> None:
        """Look again for what is due."""
        self.schedule.wake()
        self.deliverer.wake()

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        parts = [part for part in (self.schedule, self.deliverer, self.smtp) if part]
        tasks = [asyncio.create_task(part.run()) for part in parts]
        gc.freeze()  # what exists by now lives as long as the process: no collection looks at it again
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
