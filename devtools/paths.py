"""Where things lie: the checkout, its state, the cache that all checkouts of a user share."""

import os
import secrets
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# A stack beside the checkout's own, such as a benchmark's, lies in a folder below it.
STATE = ROOT / ".holdfast" / os.environ.get("HOLDFAST_BESIDE", "")
LOGS = STATE / "logs"
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
SHARED_STATE = Path("/var/lib/holdfast")


def cache() -> Path:
    """Answer the user's cache folder (made when absent): downloaded and built programs lie there."""
    home = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    folder = Path(os.environ.get("XDG_CACHE_HOME") or home) / "holdfast"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def open_to_all(path: Path) -> bool:
    """Answer whether every account may pass through `path` and all folders above it."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


def state_for_servers(state: Path = STATE) -> Path:
    """Answer the folder for data of servers that refuse to run as root (made when absent).

    It is `state` itself, except as root below a closed folder: PostgreSQL then runs as `nobody`, who could
    not get there, so the data lies under /var/lib/holdfast/<random id>, the id being kept in `state`.
    """
    state.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0 or open_to_all(state):
        return state
    name = state / "id"
    if not name.exists():
        name.write_text(secrets.token_hex(8))
    folder = SHARED_STATE / name.read_text().strip()
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    return folder
