"""Reads compose.yaml as Compose does: with what its services extend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def services(path: Path) -> dict[str, dict[str, Any]]:
    """Return each service, with the environment of the one that it extends beneath its own."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text())["services"]
    for service in found.values():
        if extended := service.pop("extends", None):
            other = yaml.safe_load((path.parent / extended["file"]).read_text())["services"]
            base = other[extended["service"]]
            assert set(base) == {"environment"}, "no other key is merged here"
            service["environment"] = base["environment"] | service.get("environment", {})
    return found
