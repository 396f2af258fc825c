"""`python -m sandbox`: start the outside world on loopback."""

import argparse
import logging
import os
import socket
import sqlite3
import sys
from pathlib import Path

import uvicorn

from sandbox.app import Sandbox
from sandbox.protocol import CuttableProtocol
from sandbox.store import Store
from sandbox.work import World


def arguments() -> argparse.Namespace:
    """Return the command line; environment variables are its defaults."""
    env = os.environ
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description="Payment and mail providers, played locally."
    )
    option = parser.add_argument
    option("--host", default=env.get("SANDBOX_HOST", "127.0.0.1"), help="address to listen on")
    option(
        "--port",
        type=int,
        default=env.get("SANDBOX_PORT", "8010"),
        help="port to listen on; 0 takes a free one and says which",
    )
    option(
        "--smtp-port",
        type=int,
        default=env.get("SANDBOX_SMTP_PORT", "0"),
        help="port that takes mail by SMTP; 0 takes a free one, which /_sandbox/health tells",
    )
    option(
        "--database",
        type=Path,
        default=env.get("SANDBOX_DATABASE", "sandbox.sqlite3"),
        help="SQLite file that holds everything; made when missing",
    )
    option(
        "--seed",
        type=int,
        default=env.get("SANDBOX_SEED", "1"),
        help="ids and secrets follow from it; counts for a new file only",
    )
    option(
        "--public-url",
        default=env.get("SANDBOX_PUBLIC_URL"),
        help="base of hosted pages' addresses (default: http://HOST:PORT)",
    )
    option(
        "--webhook-retries",
        type=_seconds,
        default=env.get("SANDBOX_WEBHOOK_RETRIES"),
        help="seconds between attempts, such as 1,5,30 (default: the provider's own ladder, shortened)",
    )
    return parser.parse_args()


def _seconds(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(",") if part)


def listen(host: str, port: int, option: str) -> socket.socket:
    """Return a socket that listens already, so that callers may come as soon as the address is told."""
    try:
        return socket.create_server((host, port), backlog=2048)
    except OSError as error:
        raise SystemExit(f"sandbox: cannot listen on {host}:{port} ({option}): {error.strerror}") from None


def main() -> None:
    """Serve until told to stop."""
    options = arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    door = listen(options.host, options.port, "--port")
    mail_door = listen(options.host, options.smtp_port, "--smtp-port")
    public_url = (options.public_url or f"http://{options.host}:{door.getsockname()[1]}").rstrip("/")
    options.database.parent.mkdir(parents=True, exist_ok=True)
    try:
        store = Store(options.database)
    except sqlite3.Error as error:
        raise SystemExit(f"sandbox: cannot use {options.database} (--database): {error}") from None
    world = World(store, seed=options.seed, public_url=public_url)
    sandbox = Sandbox(world, retry_seconds=options.webhook_retries, mail_door=mail_door)
    config = uvicorn.Config(
        sandbox,
        http=CuttableProtocol,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
        timeout_keep_alive=75,  # longer than callers keep idle connections, or they meet a closed door
    )
    sys.stdout.write(f"sandbox: listening on {public_url}, books in {options.database}\n")
    sys.stdout.flush()
    try:
        uvicorn.Server(config).run(sockets=[door])
    finally:
        store.close()


if __name__ == "__main__":
    main()
