"""`./dev vendor`: fetches the web assets through npm into web/static/vendor, with what they are and hash to.

They are committed: nothing is fetched to run or test, and the pages work offline. A test compares the hashes.
"""

import hashlib
import io
import json
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from devtools.paths import ROOT
from devtools.say import Trouble, step

FOLDER = ROOT / "web" / "static" / "vendor"
MANIFEST = FOLDER / "vendor.json"


@dataclass(frozen=True)
class Asset:
    """A package of npm, the files we take from it and its licence file."""

    package: str
    version: str
    licence: str
    files: tuple[str, ...]


ASSETS = (
    Asset("swagger-ui-dist", "5.35.0", "Apache-2.0", ("swagger-ui-bundle.js", "swagger-ui.css", "LICENSE")),
)


def fetch() -> None:
    """Fetch all assets through the machine's own npm and write vendor.json."""
    entries = []
    for asset in ASSETS:
        with step(f"{asset.package} {asset.version}"):
            for path, content in _unpacked(asset).items():
                target = FOLDER / asset.package / Path(path).name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
                entries.append(_entry(asset, target, content))
    MANIFEST.write_text(json.dumps(entries, indent=2) + "\n")


def _entry(asset: Asset, target: Path, content: bytes) -> dict[str, str]:
    return {
        "file": target.relative_to(FOLDER).as_posix(),
        "name": asset.package,
        "version": asset.version,
        "licence": asset.licence,
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _unpacked(asset: Asset) -> dict[str, bytes]:
    """Answer the wanted files of a package; npm checks its integrity, scripts of it never run."""
    with tempfile.TemporaryDirectory() as folder:
        pack = ["npm", "pack", "--ignore-scripts", "--silent", f"{asset.package}@{asset.version}"]
        try:
            done = subprocess.run(pack, cwd=folder, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise Trouble("`./dev vendor` needs npm; running and testing do not.") from None
        if done.returncode:
            raise Trouble(f"npm could not fetch {asset.package}: {done.stderr.strip()}")
        archive = (Path(folder) / done.stdout.strip().splitlines()[-1]).read_bytes()
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        return {name: _member(packed, f"package/{name}") for name in asset.files}


def _member(packed: tarfile.TarFile, name: str) -> bytes:
    file = packed.extractfile(name)
    if file is None:
        raise Trouble(f"The package holds no file {name}.")
    return file.read()
