"""Which ports, addresses and secrets this checkout's stack uses; what was made up is kept in `.holdfast/env`.

A variable that the caller sets wins. In a shell that has loaded `.holdfast/env`, one that only repeats what
we wrote there ourselves does not count as set: such a shell still starts the same stack.
"""

import json
import os
import secrets
import subprocess
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from devtools import dotenv, ports
from devtools.paths import ROOT, STATE, VENV_PYTHON
from devtools.say import Trouble

FILE = STATE / "env"
HEADING = """Written by `./dev up`: how to reach the stack of this checkout. Secrets and ports are kept.
Load it into a shell with:  set -a; . .holdfast/env; set +a"""
PORTS = {
    "POSTGRES_PORT": 55_432,
    "TEMPORAL_PORT": 7233,
    "TEMPORAL_UI_PORT": 8233,
    "TEMPORAL_HTTP_PORT": 7243,
    "SANDBOX_PORT": 8010,
    "SANDBOX_SMTP_PORT": 8025,
    "API_PORT": 8000,
    "WORKER_METRICS_PORT": 9464,
    "WORKER_HEALTH_PORT": 9465,
}
ROLES = {
    "DATABASE_URL": "holdfast_owner",
    "DATABASE_APP_URL": "holdfast_app",
    "DATABASE_PAYMENT_URL": "holdfast_payment",
    "DATABASE_RELAY_URL": "holdfast_relay",
    "DATABASE_READONLY_URL": "holdfast_readonly",
}
GIVEN = "HOLDFAST_GIVEN"  # the names of those that the caller had set
FACES = {"stripe": "stripe", "adyen": "adyen/checkout", "paypal": "paypal", "sendgrid": "sendgrid"}


class Choice:
    """The settings being put together: `values` is what the processes get."""

    def __init__(self) -> None:
        self.kept = dotenv.read(FILE)
        self.loaded = GIVEN in os.environ  # somebody has loaded the file into this shell
        self.values: dict[str, str] = {}
        self.taken_over: set[str] = set()

    def given(self, name: str) -> str | None:
        """Answer what the caller set, if it is not just what we wrote ourselves."""
        value, kept = os.environ.get(name), self.kept.get(name, "")
        repeats = value in (kept, kept.replace("\n", "\\n"))  # shells leave \n as it is written
        if not value or (self.loaded and repeats and name not in self.kept.get(GIVEN, "").split(",")):
            return None
        self.taken_over.add(name)
        return value

    def put(self, name: str, value: str) -> None:
        """Take what the caller gave, else `value`."""
        self.values[name] = self.given(name) or value

    def keep(self, name: str, fresh: str) -> None:
        """Take what the caller gave, else what was made up before, else `fresh`."""
        self.values[name] = self.given(name) or self.kept.get(name) or fresh

    def port(self, name: str) -> int:
        """Choose a port: the caller's, else that of last time, else the next free one from its default on."""
        taken = {int(self.values[other]) for other in PORTS if other in self.values}
        if wanted := self.given(name):
            if not wanted.isdecimal() or not 0 < int(wanted) < 65_536:
                raise Trouble(f"{name}={wanted} is no port: set a number from 1 to 65535.")
            chosen = int(wanted)
            if chosen in taken or not ports.is_free(chosen) or not ports.claim(chosen):
                raise Trouble(f"Port {wanted} is taken: free it, or set {name} to another one.")
        else:
            chosen = ports.free_from(int(self.kept.get(name, PORTS[name])), taken)
        self.values[name] = str(chosen)
        return chosen

    def save(self) -> None:
        """Write `.holdfast/env`."""
        dotenv.write(FILE, self.values, heading=HEADING)

    def environment(self, **more: str) -> dict[str, str]:
        """Answer the environment of a process of the stack."""
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return {**inherited, **self.values, "PYTHONUNBUFFERED": "1", **more}


def choose() -> Choice:
    """Choose everything that does not depend on a running server."""
    choice, made = Choice(), _from_venv()
    for name in PORTS:
        choice.port(name)
    for name, value in made["defaults"].items():
        if name not in choice.values:
            choice.put(name, value)
    _addresses(choice)
    _databases(choice)
    for name, pem in made["keys"].items():
        choice.keep(name, pem)
    for name, prefix, length in SECRETS:
        choice.keep(name, prefix + secrets.token_hex(length))
    choice.values[GIVEN] = ",".join(sorted(choice.taken_over))
    return choice


# Everybody on this machine asks from one address.
UNLIMITED = ("RATE_USER", "RATE_ANONYMOUS", "RATE_PAYMENTS", "REVIEW_ATTEMPTS")

# Name, how it begins, random bytes after that.
SECRETS = (
    ("STRIPE_SECRET_KEY", "sk_test_", 16),
    ("STRIPE_PUBLISHABLE_KEY", "pk_test_", 16),
    ("PAYPAL_CLIENT_ID", "Ab", 20),
    ("PAYPAL_CLIENT_SECRET", "", 20),
    ("PAYPAL_WEBHOOK_ID", "WEBHOOK-", 8),
    ("ADYEN_API_KEY", "AQE", 24),
    ("ADYEN_MERCHANT_ACCOUNT", "Holdfast", 4),
    ("ADYEN_HMAC_KEY", "", 32),
    ("ADYEN_CLIENT_KEY", "test_", 16),
    ("MAIL_API_KEY", "SG.", 32),
    ("SMTP_PASSWORD", "", 16),
    ("BOOKING_TOKEN_SECRET", "", 32),
    ("FIELD_KEYS", "k1:", 32),
    ("PAYLOAD_KEYS", "k1:", 32),
    ("CODEC_TICKET", "", 32),
)


def _from_venv() -> dict[str, dict[str, str]]:
    told = subprocess.run(
        [VENV_PYTHON, "-m", "devtools.inside"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if told.returncode:
        raise Trouble(f"settings.py does not load:\n{told.stderr.strip()}")
    answer: dict[str, dict[str, str]] = json.loads(told.stdout)
    return answer


def _addresses(choice: Choice) -> None:
    at = choice.values
    choice.put("HOLDFAST_ENV", "development")
    choice.put("TEMPORAL_ADDRESS", f"127.0.0.1:{at['TEMPORAL_PORT']}")
    choice.put("TEMPORAL_UI_URL", f"http://127.0.0.1:{at['TEMPORAL_UI_PORT']}")
    choice.put("API_URL", f"http://127.0.0.1:{at['API_PORT']}")
    for limit in UNLIMITED:
        choice.put(limit, "0")
    choice.put("SANDBOX_URL", f"http://127.0.0.1:{at['SANDBOX_PORT']}")
    choice.put("SANDBOX_DATABASE", str(STATE / "sandbox.db"))
    choice.put("SANDBOX_SEED", "1")
    choice.put("SMTP_PORT", at["SANDBOX_SMTP_PORT"])
    choice.put("SMTP_USER", "smtp_holdfast")
    for provider, path in FACES.items():
        choice.put(f"{provider.upper()}_API_BASE", f"{at['SANDBOX_URL']}/{path}")


def _databases(choice: Choice) -> None:
    """Five roles on one database: ours, or the one of the DATABASE_URL that the caller gave."""
    owner = choice.given("DATABASE_URL") or choice.given("POSTGRES_URL")
    where = urlsplit(owner) if owner else None
    place = (
        f"{where.hostname}:{where.port or 5432}{where.path}"
        if where
        else f"127.0.0.1:{choice.values['POSTGRES_PORT']}/holdfast"
    )
    for name, role in ROLES.items():
        secret = urlsplit(choice.kept.get(name, "")).password or secrets.token_urlsafe(24)
        choice.put(name, f"postgresql://{role}:{quote(secret, safe='')}@{place}")
    if owner:
        choice.values["DATABASE_URL"] = owner


def own_database(choice: Choice) -> bool:
    """Answer whether PostgreSQL is ours to start."""
    return not (choice.given("DATABASE_URL") or choice.given("POSTGRES_URL"))


def own_temporal(choice: Choice) -> bool:
    """Answer whether the Temporal server is ours to start."""
    return choice.given("TEMPORAL_ADDRESS") is None


def load() -> Mapping[str, str]:
    """Answer the settings of the stack that `up` has written; Trouble when it never ran."""
    values = dotenv.read(FILE)
    if not values:
        raise Trouble("There are no settings yet: start the stack with `./dev up` first.")
    return values
