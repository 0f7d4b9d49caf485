"""A role's memory and environment are hidden from other processes of its user."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import ctypes, sys
from bus.runtime import process
PR_GET_DUMPABLE = 3
before = ctypes.CDLL(None).prctl(PR_GET_DUMPABLE)
sys.exit(process.exit_status(lambda: 10 * before + ctypes.CDLL(None).prctl(PR_GET_DUMPABLE)))
"""


def test_a_role_cannot_be_inspected() -> None:
    # The kernel then gives /proc/PID/environ and its like to root alone, and allows nobody to trace it.
    assert subprocess.run([sys.executable, "-c", CODE], check=False).returncode == 10
