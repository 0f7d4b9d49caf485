"""The command line as a person uses it, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from sharpstream.stack.state_dir import HOME_KEY, Home


def sharpstream(home: Home, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``sharpstream ...`` for this home."""
    return subprocess.run(
        [sys.executable, "-m", "sharpstream", *arguments],
        env=os.environ | {HOME_KEY: str(home.root)} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def status(home: Home) -> dict[str, Any]:
    """Return the output of ``status --json``."""
    return json.loads(sharpstream(home, "status", "--json").stdout)
