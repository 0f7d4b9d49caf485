"""The command that finds a caller's X-Correlation-ID in the log, where it stands only as a keyed hash."""

from __future__ import annotations

import sys
from argparse import Namespace

from bus.runtime import process
from bus.runtime.settings import RoleSettings, load
from gateway.accounts.key_hashing import ApiKeys
from gateway.settings import GatewaySettings


def main(_role: RoleSettings, options: Namespace) -> int:
    """Print the hashes of ``options.id``, one a pepper. Raises `ConfigurationError`."""
    for found in ApiKeys.of(load(GatewaySettings)).correlations(options.id):
        sys.stdout.write(f"{found}\n")
    return process.DONE
