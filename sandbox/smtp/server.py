"""The server: one session per connection, in the commands of RFC 5321, with AUTH PLAIN and LOGIN (RFC 4954).

Whoever logs in with a name nobody has used makes an account; its first password is its password. Mail to an
address that begins with `invalid` is turned away. Faults are ordered as for HTTP, the route being `MAIL`,
`RCPT` or `DATA`.
"""

import asyncio
import base64
import binascii
import re
import socket
from collections.abc import Awaitable, Callable

from sandbox.account import Account
from sandbox.fault import Fault
from sandbox.identifier import derive
from sandbox.smtp import letter
from sandbox.smtp.face import KEY
from sandbox.work import World

LONGEST_LINE = 4096
LARGEST_LETTER = 30 * 1024 * 1024
MOST_RECIPIENTS = 100
# What the parser of messages trips over.
UNREADABLE = (ValueError, LookupError, AttributeError, TypeError)
_PATH = re.compile(r"(?:FROM|TO):\s*<([^<>\s]{0,320})>(?: .*)?", re.IGNORECASE)


class Hangup(Exception):
    """Raised to end a session without another word."""


class SmtpServer:
    """Takes mail at a socket that listens already."""

    def __init__(self, world: World, door: socket.socket) -> None:
        self.world, self.door = world, door
        world.smtp_port = door.getsockname()[1]

    async def run(self) -> None:
        """Serve until cancelled."""
        server = await asyncio.start_server(self._serve, sock=self.door, limit=LONGEST_LINE)
        async with server:
            await server.serve_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await Session(self.world, reader, writer).hold()
        except (Hangup, OSError, EOFError, asyncio.IncompleteReadError):
            writer.transport.abort()
        else:
            writer.close()


class Session:
    """One client's session."""

    def __init__(self, world: World, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.world, self.reader, self.writer = world, reader, writer
        self.account: Account | None = None
        self.sender: str | None = None
        self.recipients: list[str] = []
        self.over = False
        self.commands: dict[str, Callable[[str], Awaitable[str]]] = {
            "EHLO": self._ehlo,
            "HELO": self._helo,
            "AUTH": self._auth,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "RSET": self._rset,
            "NOOP": self._noop,
            "VRFY": self._vrfy,
            "QUIT": self._quit,
        }

    async def hold(self) -> None:
        """Answer commands until the client leaves."""
        await self._say("220 sandbox ESMTP")
        while not self.over:
            word, _, rest = (await self._line()).partition(" ")
            command = self.commands.get(word.upper())
            await self._say(await command(rest) if command else "500 5.5.2 No such command")

    async def _ehlo(self, _rest: str) -> str:
        await self._rset("")
        return f"250-sandbox\r\n250-SIZE {LARGEST_LETTER}\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN"

    async def _helo(self, _rest: str) -> str:
        await self._rset("")
        return "250 sandbox"

    async def _auth(self, rest: str) -> str:
        way, _, first = rest.partition(" ")
        try:
            if way.upper() == "PLAIN":
                _, name, password = (await self._shown(first, "")).split("\0")
            elif way.upper() == "LOGIN":
                name = await self._shown(first, "Username:")
                password = await self._shown("", "Password:")
            else:
                return "504 5.5.4 No such way to log in"
        except (ValueError, binascii.Error):
            return "501 5.5.2 Not understood"
        self.account = self._account(name, password)
        return "235 2.7.0 Logged in" if self.account else "535 5.7.8 Wrong name or password"

    async def _shown(self, given: str, question: str) -> str:
        if not given:
            await self._say(f"334 {base64.b64encode(question.encode()).decode()}")
            given = await self._line()
        return base64.b64decode(given, validate=True).decode()

    def _account(self, name: str, password: str) -> Account | None:
        """Return the account that logs in; the password of the first time is the account's."""
        if not KEY.fullmatch(name) or not password:
            return None
        mark = derive(password)
        is_right = self.world.store.meta(f"secret of {name}", mark) == mark
        return self.world.account("smtp", name) if is_right else None

    async def _mail(self, rest: str) -> str:
        if self.account is None:
            return "530 5.7.0 Log in first"
        found = _PATH.fullmatch(rest)
        if found is None:
            return "501 5.5.4 Not understood"
        return await self._unless_broken("MAIL", lambda: self._begin(found[1]))

    def _begin(self, sender: str) -> str:
        self.sender, self.recipients = sender, []
        return "250 2.1.0 Ok"

    async def _rcpt(self, rest: str) -> str:
        found = _PATH.fullmatch(rest)
        if self.sender is None:
            return "503 5.5.1 MAIL first"
        if found is None or "@" not in found[1]:
            return "501 5.5.4 Not understood"
        if len(self.recipients) >= MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        return await self._unless_broken("RCPT", lambda: self._address(found[1]))

    def _address(self, to: str) -> str:
        if re.split(r"[+.@]", to, maxsplit=1)[0].lower() == "invalid":
            return "550 5.1.1 No such mailbox"
        self.recipients.append(to)
        return "250 2.1.5 Ok"

    async def _data(self, _rest: str) -> str:
        if not self.recipients:
            return "503 5.5.1 RCPT first"
        await self._say("354 Go on, end with a dot")
        content = await self._content()
        if content is None:
            return "552 5.3.4 Too large"
        return await self._unless_broken("DATA", lambda: self._keep(content))

    async def _content(self) -> bytes | None:
        """Read a letter up to its dot; nothing of one that is too large."""
        lines, size = [], 0
        while (line := await self._raw_line()) != b".\r\n":
            size += len(line)
            if size <= LARGEST_LETTER:
                lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines) if size <= LARGEST_LETTER else None

    def _keep(self, content: bytes) -> str:
        if self.account is None or self.sender is None:
            return "503 5.5.1 MAIL first"
        try:
            with self.world.work(self.account) as work:
                mail_id = letter.keep(work, self.sender, self.recipients, content)
        except UNREADABLE:
            return "554 5.6.0 Not understood"
        self.sender, self.recipients = None, []
        return f"250 2.0.0 Ok: queued as {mail_id}"

    async def _rset(self, _rest: str) -> str:
        self.sender, self.recipients = None, []
        return "250 2.0.0 Ok"

    async def _noop(self, _rest: str) -> str:
        return "250 2.0.0 Ok"

    async def _vrfy(self, _rest: str) -> str:
        return "252 2.5.0 Nobody is told who is here"

    async def _quit(self, _rest: str) -> str:
        self.over = True
        return "221 2.0.0 Goodbye"

    async def _unless_broken(self, route: str, do: Callable[[], str]) -> str:
        """Do it and return the answer, unless it is to go wrong."""
        account = self.account.id if self.account else ""
        fault = self.world.faults.of_request("smtp", account, route)
        return do() if fault is None else await self._broken(fault, do)

    async def _broken(self, fault: Fault, do: Callable[[], str]) -> str:
        if fault.kind == "drop_before":
            raise Hangup
        if fault.kind == "response_lost":
            do()
            raise Hangup
        if fault.kind == "slow":
            answer = do()
            await asyncio.sleep(fault.number("seconds", 20))
            return answer
        if fault.kind == "rate_limit":
            return "450 4.7.1 Too much mail from you"
        return f"{int(fault.number('status', 451))} Something went wrong"

    async def _say(self, answer: str) -> None:
        self.writer.write(f"{answer}\r\n".encode())
        await self.writer.drain()

    async def _line(self) -> str:
        return (await self._raw_line()).decode(errors="replace").rstrip("\r\n")

    async def _raw_line(self) -> bytes:
        try:
            return await self.reader.readuntil(b"\r\n")
        except asyncio.LimitOverrunError:
            raise Hangup from None
