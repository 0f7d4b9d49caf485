"""What the product's code says about its roles: read from it, never copied."""

from __future__ import annotations

import functools
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
PYTHON: Final = ROOT / ".venv" / "bin" / "python"


@dataclass(frozen=True, slots=True)
class StoreRights:
    """As `bus.contract.role_rights.StoreRights`: prefixes of keys in the bucket; "" is all of it."""

    reads: tuple[str, ...]
    writes: tuple[str, ...]
    lists: bool


@functools.cache
def facts() -> dict[str, Any]:
    """Return what `deploy.aws.facts` prints."""
    if not PYTHON.exists():
        raise SystemExit(
            "The deployment reads the roles' rights from the product's code: make .venv/.dev-installed"
        )
    done = subprocess.run(  # noqa: S603  (our own module)
        [str(PYTHON), "-m", "deploy.aws.facts"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"The roles' rights cannot be read from the product's code:\n{done.stderr}")
    read: dict[str, Any] = json.loads(done.stdout)
    return read


def user(role: str) -> str:
    """Return the name of a role's user in Kafka."""
    name: str = facts()["users"][role]
    return name


def store_rights(role: str) -> StoreRights:
    """Return what a role may do in the bucket."""
    rights = facts()["store"][role]
    return StoreRights(tuple(rights["reads"]), tuple(rights["writes"]), rights["lists"])


def commands(role: str) -> list[str]:
    """Return the topics in which a role's work waits."""
    names: list[str] = facts()["commands"][role]
    return names


def partitions(topic: str) -> int:
    """Return how many partitions a topic has."""
    count: int = facts()["partitions"][topic]
    return count


def group(name: str) -> str:
    """Return a consumer group's name."""
    found: str = facts()["groups"][name]
    return found
