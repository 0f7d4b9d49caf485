"""Every operation of admins and every command that changes something has an act, and no role can change one.

``tests/gateway/partners/test_admin_acts.py`` and the commands' own tests try that each writes its row.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from gateway import cli as gateway
from gateway import policy
from ledger import cli as ledger
from ledger.db import grants

ROOT = Path(__file__).parents[2]
PACKAGES = ("gateway", "ledger", "export_consumer")
ACT = re.compile(r'Act\(\s*action="([^"]+)"')
ROLES = {"serve", "relay", "webhooks", "partners", "run"}
READS = {"correlation", "rebuild", "invariants", "backup", "check-backup", "newer"}
ACTS = {
    "create-admin": {"create-admin", "create-admin --reset"},
    "secrets": {"secrets reseal"},
    "unpark": {"unpark"},
    "republish": {"republish"},
    "backfill": {"backfill"},
    "restore": {"restore"},
    "note-restore": {"note-restore"},
    "migrate": {"migrate: roles"},  # the migrations themselves are rows of ``migrations``
}
"""Command -> its acts."""
IN_KAFKA_ALONE = {"grant-roles"}
"""It reaches no database; the same passwords are set in Postgres by ``migrate``."""


def acts() -> set[str]:
    """Return the actions that the code records; a constant's name stands for its text."""
    text = "\n".join(path.read_text() for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    named = {"ACTION": re.search(r'^ACTION: Final = "([^"]+)"', text, re.MULTILINE)}
    found = set(ACT.findall(text))
    return found | {match[1] for name, match in named.items() if match and f"Act(action={name}" in text}


def commands() -> set[str]:
    """Return every command of the roles that may write to Postgres."""
    found: set[str] = set()
    for parser in (gateway._parser(), ledger._parser()):
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                found |= set(action.choices)
    return found | {"backfill"}


def test_every_command_that_changes_something_has_an_act() -> None:
    known = ROLES | READS | IN_KAFKA_ALONE | set(ACTS)
    assert commands() == known, (
        "say in ACTS what it records (ledger.db.admin_acts), or that it changes nothing"
    )
    assert acts() >= {action for each in ACTS.values() for action in each}


def test_every_act_is_of_an_operation_or_a_command() -> None:
    operations = {name for name, rule in policy.POLICY.items() if rule is policy.ADMIN}
    assert acts() - {action for each in ACTS.values() for action in each} <= operations


def test_no_role_may_change_or_remove_an_act() -> None:
    verbs = {role: set(tables.get("admin_acts", ())) for role, tables in grants.TABLES.items()}
    assert {verb for each in verbs.values() for verb in each} == {"insert"}
    assert not any("admin_acts" in tables for tables in grants.LOCKS.values())
