"""Derives which role writes which table: from the modules that each role's process imports.

``python -m tests.architecture.role_grants`` writes ``ledger/db/grants.json``, from which the migration
command grants each role its rights.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import Final

import grimp

from tests.architecture.table_writers import PACKAGES, QUERY, ROOT, writers

FILE: Final = ROOT / "ledger" / "db" / "grants.json"
ENTRIES: Final = {
    "gateway": ("gateway.app", "gateway.accounts.bootstrap_admin"),
    "relay": ("bus.bridges.relay",),
    "webhooks": ("gateway.webhooks.app",),
    "partners": ("gateway.partners.app",),
    "export": ("export_consumer.app", "export_consumer.cli"),
    "ledger": ("ledger.app", "ledger.cli"),
}
"""Role -> the modules that its process runs."""
OWNERS: Final = frozenset(
    {"ledger/db/migrate.py", "ledger/republish.py", "ledger/backup/make.py", "ledger/backup/put_back.py"}
)
"""Run by the database's owner alone."""
UPSERT: Final = re.compile(r"\bDO UPDATE\b|on_conflict\(")


def grants() -> dict[str, dict[str, list[str]]]:
    """Return role -> table -> the verbs that it may use besides reading."""
    graph, written = grimp.build_graph(*PACKAGES, cache_dir=None), writers()
    found: dict[str, dict[str, list[str]]] = {}
    for role, entries in ENTRIES.items():
        reached = set(entries).union(*(graph.find_upstream_modules(entry) for entry in entries))
        verbs: defaultdict[str, set[str]] = defaultdict(set)
        for table, of in written.items():
            for module, does in of.items():
                if module in OWNERS or module.removesuffix(".py").replace("/", ".") not in reached:
                    continue
                verbs[table] |= does
                if "insert" in does and UPSERT.search((ROOT / module).read_text()):
                    verbs[table].add("update")
        found[role] = {table: [v for v in QUERY if v in verbs[table]] for table in sorted(verbs)}
    return found


def text() -> str:
    """Return the file's content."""
    return json.dumps(grants(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
