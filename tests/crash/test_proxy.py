"""The cutting proxy cuts where it was told to: before the effect, behind it, or when it was reported."""

import asyncpg
import httpx2
import pytest
from hpack import Encoder
from temporalio.client import Client
from temporalio.service import RPCError

from tests.crash.proxy import Cut, Cuts, Moment, Proxy, Seen
from tests.crash.wire import DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, Grpc, Http, Postgres
from tests.support.database import Cluster, Urls
from tests.support.sandbox import Account
from tests.support.stack import Stack

LINK = "here>there"


def ordered(moment: Moment, *words: str) -> Cut:
    """Order a blow that hurts nobody."""
    return Cut(Seen(LINK, words), moment, strike=lambda: None)


@pytest.mark.parametrize("ask", ["execute", "fetchrow"])
@pytest.mark.parametrize("end", ["commit", "commit; notify listeners, 'news'", ""])
@pytest.mark.parametrize("moment", Moment)
async def test_a_commit_is_cut(cluster: Cluster, urls: Urls, moment: Moment, end: str, ask: str) -> None:
    """Also one with which something else is asked, and that of a statement without a transaction, which may
    be asked for one row alone.
    """
    cut = ordered(moment, "commit", "insert into marks", "the mark")
    cuts = Cuts()
    proxy = Proxy(LINK, cluster.server.port, Postgres, cuts)
    judge = await asyncpg.connect(urls.admin)
    await judge.execute("create table marks (mark text)")
    here = urls.admin.replace(str(cluster.server.port), str(proxy.port)) + "?sslmode=disable"

    async with proxy.serving():
        connection = await asyncpg.connect(here)
        with cuts.order(cut):
            heard = True
            try:
                if end:
                    await connection.execute("begin")
                await getattr(connection, ask)("insert into marks values ($1) returning mark", "the mark")
                if end:
                    await connection.execute(end)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                heard = False
        connection.terminate()

    done = await judge.fetchval("select count(*) from marks")
    await judge.close()
    assert cut.struck.is_set()
    assert (done, heard) == {"a": (0, False), "b": (1, False), "c": (1, True)}[moment.value]


@pytest.mark.parametrize("moment", Moment)
async def test_a_request_is_cut(idle_stack: Stack, moment: Moment) -> None:
    cut = ordered(moment, "POST /stripe/v1/webhook_endpoints\n", "hooks.example")
    cuts = Cuts()
    account = idle_stack.sandbox
    proxy = Proxy(LINK, int(account.url.rpartition(":")[2]), Http, cuts)

    async with proxy.serving():
        through = Account(f"http://127.0.0.1:{proxy.port}", account.http, key=account.key)
        with cuts.order(cut):
            heard = True
            try:
                await through.register("https://hooks.example")
            except httpx2.TransportError:
                heard = False

    answer = await account.http.get(
        f"{account.url}/stripe/v1/webhook_endpoints", headers={"Authorization": f"Bearer {account.key}"}
    )
    done = sum(each["url"] == "https://hooks.example" for each in answer.json()["data"])
    assert cut.struck.is_set()
    assert (done, heard) == {"a": (0, False), "b": (1, False), "c": (1, True)}[moment.value]


@pytest.mark.parametrize("moment", Moment)
async def test_a_call_of_temporal_is_cut(temporal_address: str, moment: Moment) -> None:
    """The words of a call stand in its body, which the client may send zipped."""
    cut = ordered(moment, "SignalWorkflowExecution", "nobody-has-this-id")
    cuts = Cuts()
    proxy = Proxy(LINK, int(temporal_address.rpartition(":")[2]), Grpc, cuts)

    async with proxy.serving():
        client = await Client.connect(f"127.0.0.1:{proxy.port}")
        with cuts.order(cut), pytest.raises(RPCError) as no:
            await client.get_workflow_handle("nobody-has-this-id").signal("hello")

    assert cut.struck.is_set()
    assert ("not found" in str(no.value)) or moment is not Moment.REPORTED


def test_a_call_is_made_before_its_side_is_ended() -> None:
    """A server may answer as soon as it has the message: the answer is this call's, and what is to be cut
    before the effect is cut before the message.
    """
    wire = Grpc()
    path = Encoder().encode([(":path", "/Service/Signal")])
    message = b"\0" + len(b"the mark").to_bytes(4, "big") + b"the mark"

    made = [*wire.asked(PREFACE + frame(HEADERS, END_HEADERS, path) + frame(DATA, 0, message))]
    answered = [*wire.answered(frame(HEADERS, END_HEADERS | END_STREAM, b""))]
    ended = [*wire.asked(frame(DATA, END_STREAM, b""))]

    call = "/Service/Signal\nthe mark"
    assert [piece.words for piece in made] == [None, None, call]
    assert [piece.words for piece in answered] == [call]
    assert [piece.words for piece in ended] == [None]


def frame(kind: int, flags: int, content: bytes) -> bytes:
    """Make a frame of the first stream (RFC 9113, section 4.1)."""
    return len(content).to_bytes(3, "big") + bytes((kind, flags, 0, 0, 0, 1)) + content
