"""PayPal's deliveries: only what its own key has signed, for a webhook of ours, is believed."""

import base64
import zlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from providers.gateway import BadSignature, OutcomeUnknown
from providers.paypal_gateway.certificate import PATH, TRIAL_NAME, Certificates
from providers.paypal_gateway.webhook import parse, verify

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
WEBHOOK, BODY = "8PT597110X687430LKGECATA", b'{"id": "WH-1"}'
DAY = timedelta(days=1)


class Authority:
    """Somebody who certifies: the one we trust, or another."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Root")])
        self.root = self._sign(self.name, self.key.public_key(), ca=True)

    def certify(
        self,
        key: rsa.RSAPrivateKey,
        name: str = TRIAL_NAME,
        since: datetime = NOW - DAY,
        dns: str | None = None,
    ) -> x509.Certificate:
        """Certify a key for a day before and a day after."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        return self._sign(subject, key.public_key(), since=since, dns=dns or name)

    def _sign(
        self,
        subject: x509.Name,
        key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
        *,
        ca: bool = False,
        since: datetime = NOW - 10 * DAY,
        dns: str = "",
    ) -> x509.Certificate:
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(since)
            .not_valid_after(since + (100 * DAY if ca else 2 * DAY))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
        )
        if ca:
            usage = x509.KeyUsage(
                digital_signature=False,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            )
            made = made.add_extension(usage, critical=True)
        else:
            made = made.add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
            ).add_extension(x509.SubjectAlternativeName([x509.DNSName(dns)]), critical=False)
        return made.sign(self.key, hashes.SHA256())


ROOT, OTHER = Authority(), Authority()
KEY, FOREIGN = rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 2048)
SERVED = {
    "good": ROOT.certify(KEY),
    "foreign-root": OTHER.certify(KEY),
    "foreign-name": ROOT.certify(KEY, "shop.example"),
    "other-subject": ROOT.certify(KEY, "shop.example", dns=TRIAL_NAME),
    "over": ROOT.certify(KEY, since=NOW - 5 * DAY),
    "to-come": ROOT.certify(KEY, since=NOW + DAY),
}


class Provider:
    """Whoever serves certificates, and counts who asks."""

    def __init__(self) -> None:
        self.url, self.asked, self.away = "", 0, False

    async def serve(self, request: web.Request) -> web.Response:
        self.asked += 1
        name = request.match_info["name"]
        if self.away:
            return web.Response(status=503)
        if name == "garbage":
            return web.Response(body=b"-----BEGIN CERTIFICATE-----\nnonsense")
        if name == "huge":
            return web.Response(body=SERVED["good"].public_bytes(Encoding.PEM) + b"\n" * 200_000)
        if name == "elsewhere":
            return web.Response(status=302, headers={"Location": f"{self.url}{PATH}good"})
        if name not in SERVED:
            return web.Response(status=404)
        return web.Response(body=SERVED[name].public_bytes(Encoding.PEM))


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    serving, app = Provider(), web.Application()
    app.router.add_get(f"{PATH}{{name}}", serving.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    serving.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield serving
    await runner.cleanup()


@pytest.fixture
async def certificates(provider: Provider, http: aiohttp.ClientSession) -> Certificates:
    roots = ROOT.root.public_bytes(Encoding.PEM)
    return Certificates(api=provider.url, roots=roots, http=http, timeout=aiohttp.ClientTimeout(total=10))


def signed(
    provider: Provider,
    *,
    name: str = "good",
    key: rsa.RSAPrivateKey = KEY,
    at: datetime = NOW,
    webhook_id: str = WEBHOOK,
    body: bytes = BODY,
) -> dict[str, str]:
    """Write the headers of a delivery, signed as PayPal does."""
    stamp = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    text = f"tid|{stamp}|{webhook_id}|{zlib.crc32(body)}".encode()
    return {
        "paypal-transmission-id": "tid",
        "paypal-transmission-time": stamp,
        "paypal-transmission-sig": base64.b64encode(
            key.sign(text, padding.PKCS1v15(), hashes.SHA256())
        ).decode(),
        "paypal-cert-url": f"{provider.url}{PATH}{name}",
        "paypal-auth-algo": "SHA256withRSA",
    }


async def test_what_paypal_signed_is_authentic_and_its_certificate_is_fetched_once(
    provider: Provider, certificates: Certificates
) -> None:
    for webhook_ids in ([WEBHOOK], ["other", WEBHOOK]):
        await verify(BODY, signed(provider), webhook_ids, NOW, certificates)
    await verify(BODY, signed(provider, at=NOW - 3 * DAY), [WEBHOOK], NOW, certificates)

    assert provider.asked == 1


Change = Callable[[dict[str, str], Provider], dict[str, str]]

FORGED: dict[str, Change] = {
    "headers without a signature": lambda said, _: {**said, "paypal-transmission-sig": ""},
    "no base64": lambda said, _: {**said, "paypal-transmission-sig": "!!"},
    "not ASCII": lambda said, _: {**said, "paypal-transmission-sig": "é"},
    "another signature": lambda said, _: {
        **said,
        "paypal-transmission-sig": base64.b64encode(bytes(256)).decode(),
    },
    "another algorithm": lambda said, _: {**said, "paypal-auth-algo": "none"},
    "another transmission": lambda said, _: {**said, "paypal-transmission-id": "other"},
    "no time": lambda said, _: {**said, "paypal-transmission-time": "yesterday"},
    "a time without an offset": lambda said, _: {**said, "paypal-transmission-time": "2026-11-21T12:00:00"},
    "nothing": lambda _, __: {},
    "a foreign key": lambda _, provider: signed(provider, key=FOREIGN),
    "another webhook": lambda _, provider: signed(provider, webhook_id="other"),
    "another body": lambda _, provider: signed(provider, body=b"{}"),
    "too old": lambda _, provider: signed(provider, at=NOW - 5 * DAY),
    "of the future": lambda _, provider: signed(provider, at=NOW + timedelta(hours=1)),
    "a root that nobody trusts": lambda _, provider: signed(provider, name="foreign-root"),
    "a name that is not PayPal's": lambda _, provider: signed(provider, name="foreign-name"),
    "a subject that is not PayPal's": lambda _, provider: signed(provider, name="other-subject"),
    "a certificate that is over": lambda _, provider: signed(provider, name="over"),
    "a certificate of tomorrow": lambda _, provider: signed(provider, name="to-come"),
    "no certificate": lambda _, provider: signed(provider, name="nobody"),
    "a garbled certificate": lambda _, provider: signed(provider, name="garbage"),
    "an endless certificate": lambda _, provider: signed(provider, name="huge"),
}


@pytest.mark.row("WHK-03")
@pytest.mark.parametrize("name", FORGED)
async def test_a_forged_delivery_is_refused(
    provider: Provider, certificates: Certificates, name: str
) -> None:
    headers = FORGED[name](signed(provider), provider)

    with pytest.raises(BadSignature):
        await verify(BODY, headers, [WEBHOOK, ""], NOW, certificates)


@pytest.mark.row("WHK-03")
@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example{path}good",
        "{url}.evil.example{path}good",
        "{url}@evil.example{path}good",
        "{url}{path}good?x=1",
        "{url}{path}good#x",
        "{url}{path}../../good",
        "{url}{path}a/b",
        "{url}/other/good",
        "file:///etc/passwd",
        "",
    ],
)
async def test_a_certificate_from_elsewhere_is_not_even_fetched(
    provider: Provider, certificates: Certificates, address: str
) -> None:
    headers = signed(provider) | {"paypal-cert-url": address.format(url=provider.url, path=PATH)}

    with pytest.raises(BadSignature):
        await verify(BODY, headers, [WEBHOOK], NOW, certificates)

    assert provider.asked == 0


@pytest.mark.parametrize("name", ["good", "elsewhere"])
async def test_a_certificate_that_cannot_be_had_is_no_verdict(
    provider: Provider, certificates: Certificates, name: str
) -> None:
    provider.away = name == "good"

    with pytest.raises(OutcomeUnknown):
        await verify(BODY, signed(provider, name=name), [WEBHOOK], NOW, certificates)


async def test_a_certificate_is_believed_no_longer_than_it_holds(
    provider: Provider, certificates: Certificates
) -> None:
    await verify(BODY, signed(provider), [WEBHOOK], NOW, certificates)
    later = NOW + 2 * DAY

    with pytest.raises(BadSignature):
        await verify(BODY, signed(provider, at=later), [WEBHOOK], later, certificates)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b'{"id": 1}',
        b'{"id": "WH-1", "event_type": "X", "create_time": "2026-11-21T12:00:00", "resource": {}}',
        b"[" * 100_000,
    ],
)
def test_bytes_that_are_no_event_are_read_as_none(raw: bytes) -> None:
    assert parse(raw, "main", live=False) == ()


@pytest.mark.parametrize(
    "resource",
    ["{}", "[]", "null", '{"custom_id": "not ours"}', '{"purchase_units": []}', '{"purchase_units": [null]}'],
)
def test_an_event_about_something_else_says_nothing_of_money(resource: str) -> None:
    raw = (
        '{"id": "WH-1", "event_type": "PAYMENT.CAPTURE.COMPLETED", "create_time": "2026-11-21T12:00:00Z",'
        f' "resource": {resource}}}'
    )

    (event,) = parse(raw.encode(), "main", live=False)

    assert (event.event_id, event.facts, event.payment_id) == ("WH-1", (), None)
