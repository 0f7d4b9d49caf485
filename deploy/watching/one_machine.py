"""Prints the configuration with which Prometheus watches the system of ``make up`` on this machine.

``.venv/bin/python deploy/watching/one_machine.py > /tmp/prometheus.yaml``; the system is the one in
``SHARPSTREAM_HOME`` or ``.sharpstream``, as everywhere. Its ports are chosen at its first start and stay.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, Final

import yaml

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[1]
SUFFIX: Final = "_health"


def targets(home: Path) -> dict[str, str]:
    """Return role -> the address of its metrics. Raises `OSError` where nothing was started yet."""
    ports = json.loads((home / "memory.json").read_text())["ports"]
    return {
        name.removesuffix(SUFFIX): f"127.0.0.1:{port}"
        for name, port in sorted(ports.items())
        if name.endswith(SUFFIX)
    }


def configuration(home: Path) -> dict[str, Any]:
    """Return the configuration."""
    return {
        "global": {"scrape_interval": "5s", "evaluation_interval": "5s"},
        "rule_files": [str(HERE / "rules/*.yaml")],
        "scrape_configs": [
            {
                "job_name": "sharpstream",
                "static_configs": [
                    {"targets": [address], "labels": {"role": role}}
                    for role, address in targets(home).items()
                ],
            }
        ],
    }


def main() -> int:
    """Print it; 1 and a sentence where there is no system."""
    home = Path(os.environ.get("SHARPSTREAM_HOME") or ROOT / ".sharpstream")
    try:
        sys.stdout.write(yaml.safe_dump(configuration(home), sort_keys=False))
    except OSError as error:
        sys.stderr.write(f"There is no system in {home}: run `make up` first ({error.strerror}).\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
