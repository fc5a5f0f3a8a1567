"""Snapshots of running MCP servers: what they said of themselves and their tools, frozen by a hash."""

import datetime
import hashlib
import json
from collections.abc import Mapping
from typing import Any

SNAPSHOT_KEY = "mcp_snapshot"
_FORM = 1  # goes up when the form of a snapshot changes


def make_snapshot(servers: list[dict]) -> dict[str, Any]:
    """A snapshot of servers.

    Args:
        servers: each with name, version, description (None where it gives no instructions), protocolVersion and
            tools, as the server lists them.
    """
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {SNAPSHOT_KEY: _FORM, "date": now, "sha256": snapshot_hash(servers), "servers": servers}


def check_snapshot(snapshot: Mapping) -> dict[str, Any]:
    """The list of servers that a snapshot holds, as `{"servers": [...]}`.

    Raises:
        ValueError: with a clause, if it is of another form, or was edited.
    """
    if snapshot[SNAPSHOT_KEY] != _FORM:
        raise ValueError(
            f"the snapshot has the form {snapshot[SNAPSHOT_KEY]!r:.20}, and this version reads {_FORM}; take it again "
            "with `petoolbench snapshot`"
        )
    servers = snapshot.get("servers")
    if not isinstance(servers, list) or snapshot.get("sha256") != snapshot_hash(servers):
        raise ValueError(
            "the snapshot was changed after it was taken (its sha256 is another); take it again with `petoolbench "
            f"snapshot`, or remove the keys {SNAPSHOT_KEY} and sha256 to have it read as a list of your own"
        )
    return {"servers": servers}


def snapshot_hash(servers: list) -> str:
    """SHA-256 of servers and their tools, whatever the order of their keys, as 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(servers, sort_keys=True).encode()).hexdigest()
