"""`./dev token --role ROLE [--tenant T]`: prints a bearer token of the running stack, for trials by hand."""

import argparse
import json
import os
import sys
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

from api.deps import GRANTS
from devtools.paths import STATE
from devtools.say import quiet_when_unheard
from domain.ids import TenantId
from providers.token import KeyRing, UserTokens


def signed(settings: Mapping[str, str], role: str, tenant: uuid.UUID) -> str:
    """Answer a token for a made-up person of this role; it is good for as long as any user's token."""
    keys = KeyRing(settings["JWT_PRIVATE_KEY"], settings.get("JWT_PUBLIC_KEYS", ""))
    tokens = UserTokens(keys, settings["JWT_ISSUER"])
    subject, name = f"{role.lower()}@example.com", uuid.uuid4().hex
    return tokens.sign(subject, TenantId(tenant), [role], token_id=name, now=datetime.now(UTC))


@quiet_when_unheard()
def main() -> None:
    """Print a token for the role that is asked for."""
    parser = argparse.ArgumentParser(prog="./dev token")
    parser.add_argument("--role", required=True)
    parser.add_argument("--tenant")
    wanted = parser.parse_args()
    if wanted.role not in GRANTS:
        sys.exit(f"./dev: There is no role '{wanted.role}'; there are: {', '.join(sorted(GRANTS))}.")
    named = wanted.tenant or json.loads((STATE / "demo.json").read_text())["tenant_id"]
    try:
        tenant = uuid.UUID(named)
    except ValueError:
        sys.exit(f"./dev: '{named}' is no tenant's id: ids are UUIDs, or leave --tenant out.")
    print(signed(os.environ, wanted.role, tenant))


if __name__ == "__main__":
    main()
