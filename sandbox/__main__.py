"""`python -m sandbox`: start the outside world on loopback."""

import argparse
import logging
import os
from pathlib import Path

import uvicorn

from sandbox.app import Sandbox
from sandbox.protocol import CuttableProtocol
from sandbox.store import Store
from sandbox.work import World

log = logging.getLogger("sandbox")


def arguments() -> argparse.Namespace:
    """Return the command line; environment variables are its defaults."""
    env = os.environ
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description="Payment and mail providers, played locally."
    )
    parser.add_argument("--host", default=env.get("SANDBOX_HOST", "127.0.0.1"), help="address to listen on")
    parser.add_argument(
        "--port", type=int, default=int(env.get("SANDBOX_PORT", "8010")), help="port to listen on"
    )
    parser.add_argument(
        "--database",
        type=Path,
        default=Path(env.get("SANDBOX_DATABASE", "sandbox.sqlite3")),
        help="SQLite file that holds everything; made when missing",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=int(env.get("SANDBOX_SEED", "1")),
        help="ids and secrets follow from it; counts for a new file only",
    )
    parser.add_argument(
        "--public-url",
        default=env.get("SANDBOX_PUBLIC_URL"),
        help="base of hosted pages' addresses (default: http://HOST:PORT)",
    )
    parser.add_argument(
        "--webhook-retries",
        type=_seconds,
        default=env.get("SANDBOX_WEBHOOK_RETRIES"),
        help="seconds between attempts, such as 1,5,30 (default: the provider's own ladder, shortened)",
    )
    return parser.parse_args()


def _seconds(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(",") if part)


def main() -> None:
    """Serve until told to stop."""
    options = arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    options.database.parent.mkdir(parents=True, exist_ok=True)
    store = Store(options.database)
    public_url = options.public_url or f"http://{options.host}:{options.port}"
    sandbox = Sandbox(
        World(store, seed=options.seed, public_url=public_url.rstrip("/")),
        retry_seconds=options.webhook_retries,
    )
    log.info("sandbox on %s, books in %s", public_url, options.database)
    try:
        uvicorn.run(
            sandbox,
            host=options.host,
            port=options.port,
            http=CuttableProtocol,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=2,
            server_header=False,
        )
    finally:
        store.close()


if __name__ == "__main__":
    main()
