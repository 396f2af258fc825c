"""Tickets for their holders, and for nobody else."""

import io

import jwt
import zxingcpp
from PIL import Image

from db.booking.confirm import confirm
from domain.booking import ConfirmBooking
from tests.api.conftest import Door
from tests.api.test_look import found
from tests.support.shop import keep, pay
from tests.support.stack import Booked, bearer


async def confirmed(door: Door) -> Booked:
    booking = await door.book(lines=[{"variant_id": str(door.shop.variant.id), "quantity": 2}])
    row = await found(door, booking)
    await keep(door.databases.app, row)
    await pay(door.databases.payment, row)
    async with door.databases.app.tenant(row.tenant_id) as connection:
        await confirm(connection, ConfirmBooking(tenant_id=row.tenant_id, booking_id=row.id))
    return booking


async def test_a_confirmed_booking_shows_its_tickets_with_the_same_tokens_each_time(door: Door) -> None:
    booking = await confirmed(door)

    seen = [(await door.get(f"/bookings/{booking.id}", bearer(booking.token))).json() for _ in range(2)]

    tickets = seen[0]["tickets"]
    assert len(tickets) == 2
    assert seen[0] == seen[1]
    assert tickets[0]["token"] != tickets[1]["token"]
    claims = jwt.decode(tickets[0]["token"], options={"verify_signature": False})
    assert (claims["sub"], claims["evt"]) == (tickets[0]["id"], str(door.shop.slot.id))
    assert set(claims) == {"typ", "sub", "evt", "ver", "iat", "exp"}


async def test_the_pictures_show_the_token(door: Door) -> None:
    booking = await confirmed(door)
    ticket = (await door.get(f"/bookings/{booking.id}", bearer(booking.token))).json()["tickets"][0]

    alone = await door.get(f"/tickets/{ticket['id']}", bearer(booking.token))
    png = await door.http.get(ticket["qr_png"], headers=bearer(booking.token))
    svg = await door.http.get(ticket["qr_svg"], headers=bearer(booking.token))

    assert alone.json() == ticket
    assert png.headers["content-type"] == "image/png"
    [code] = zxingcpp.read_barcodes(Image.open(io.BytesIO(png.content)))
    assert code.text == ticket["token"]
    assert svg.headers["content-type"] == "image/svg+xml"
    assert svg.text.startswith("<svg")


async def test_a_ticket_is_there_for_its_holder_and_the_organizers_people_alone(door: Door) -> None:
    booking, other = await confirmed(door), await door.book()
    ticket = (await door.get(f"/bookings/{booking.id}", bearer(booking.token))).json()["tickets"][0]["id"]

    for path in (f"/tickets/{ticket}", f"/tickets/{ticket}/qr.svg", f"/tickets/{ticket}/qr.png"):
        assert (await door.get(path, bearer(other.token))).status_code == 404
        assert (await door.get(path, door.user("eve"))).status_code == 404
        assert (await door.get(path, door.user(roles=["staff"]))).status_code == 200
        assert (await door.get(path, door.key)).status_code == 403
