"""Writes ``docs/reliability.json`` and ``docs/reliability.md`` from the stored rounds alone.

The faults that were found and fixed are described in ``found.md`` beside this file.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
_HEAD = """# Reliability: injected faults and their effects

Written by `make chaos` (`tests/chaos/`); the same figures as JSON: [reliability.json](reliability.json).
The whole system runs with real Kafka, Postgres and S3, each role behind TCP proxies, under load over REST.
A schedule made from a seed kills, freezes, restarts and disconnects its processes. After each round the
system is left alone until no record, row or object changes; then every promise is checked at its source.
Kafka is read with `read_committed` by a reader that removes no duplicates; the ledger is rebuilt from the
log and compared row by row.
"""


def write(kept: Path) -> int:
    """Write both documents from the JSON lines in ``kept``; return the number of faults."""
    rounds = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    found = summary(rounds)
    (DOCS / "reliability.json").write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
    (DOCS / "reliability.md").write_text(markdown(found))
    return len(found["faults"])


def summary(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Sum up the rounds. Faults are by kind: lost, twice, stuck, leaked, wrong."""
    injected: Counter[str] = Counter()
    for each in rounds:
        injected.update(each["injected"])
    faults = [fault for each in rounds for fault in each["faults"]]
    # Endings and deliveries are totals of the log so far; they restart with a round on a new system.
    last = [
        each for each, after in zip(rounds, [*rounds[1:], None], strict=True) if _ends_a_system(each, after)
    ]
    return {
        "seed": rounds[0]["seed"] if rounds else None,
        "rounds": len(rounds),
        "systems": len(last),
        "kills": sum(n for what, n in injected.items() if what.startswith("kill ")),
        "blows": sum(injected.values()),
        "injected": dict(sorted(injected.items())),
        "under_load_s": round(sum(each["load_s"] for each in rounds), 1),
        "recovery_s": [each["recovery_s"] for each in rounds],
        "accepted": sum(each["accepted"] for each in rounds),
        "redriven": sum(each["redriven"] for each in rounds),
        "orphans_removed": sum(each["swept"] for each in rounds),
        "endings": _added(each["endings"] for each in last),
        "commands": sum(each["commands"] for each in last),
        "partner_events": sum(each["partner_events"] for each in last),
        "deliveries": sum(each["deliveries"] for each in last),
        "repeated_deliveries": sum(each["repeated_deliveries"] for each in last),
        "answers": _added(each["answers"] for each in last),
        "by_kind": dict(Counter(fault["kind"] for fault in faults)),
        "faults": faults,
    }


def _ends_a_system(this: dict[str, Any], after: dict[str, Any] | None) -> bool:
    return after is None or sum(after["endings"].values()) < sum(this["endings"].values())


def _added(counts: Any) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(sorted(total.items()))


def markdown(found: dict[str, Any]) -> str:
    """Return the Markdown page."""
    kinds = {"losses": "lost", "duplicates": "twice", "stuck": "stuck", "leaked": "leaked", "wrong": "wrong"}
    by_kind = {name: found["by_kind"].get(kind, 0) for name, kind in kinds.items()}
    recovery = found["recovery_s"] or [0]
    rows = [
        ("Seed", found["seed"]),
        ("Rounds", found["rounds"]),
        ("Systems; an interrupted run continues with a new one", found["systems"]),
        ("of the kills, power cuts (all processes at once)", found["injected"].get("kill everything", 0)),
        ("Kills (SIGKILL)", found["kills"]),
        ("Other injected faults", found["blows"] - found["kills"]),
        ("Seconds under load and faults", found["under_load_s"]),
        ("Seconds to recover, longest round", max(recovery)),
        ("Photos accepted (202)", found["accepted"]),
        ("Dead letters redriven", found["redriven"]),
        ("Commands of a partner in its Kafka topic, repeats included", found["commands"]),
        ("Events in that partner's topic", found["partner_events"]),
        ("Webhook deliveries", found["deliveries"]),
        ("of them repeated, under the same id", found["repeated_deliveries"]),
        ("Blobs of killed attempts, removed by the sweep", found["orphans_removed"]),
        *((f"**{name.capitalize()}**", f"**{count}**") for name, count in by_kind.items()),
    ]
    parts = [
        _HEAD,
        f"## The last run\n\nRepeat its schedule with `make chaos CHAOS_SEED={found['seed']}`.\n",
        _table(("", ""), rows),
        "## Injected faults\n",
        _table(("fault", "times"), found["injected"].items()),
        "## Endings of jobs and other events, in Kafka\n",
        _table(("event", "records"), found["endings"].items()),
        "## Responses to the callers\n\nRequests are repeated with the same `Idempotency-Key`.\n",
        _table(("response", "times"), found["answers"].items()),
        *(["## Faults\n", _table(("kind", "what"), [(f["kind"], f["what"]) for f in found["faults"]])]
          if found["faults"] else []),
        (HERE / "found.md").read_text(),
    ]  # fmt: skip
    return "\n".join(parts)


def _table(head: tuple[str, str], rows: Any) -> str:
    lines = [f"| {head[0]} | {head[1]} |", "|---|---:|", *(f"| {a} | {b} |" for a, b in rows)]
    return "\n".join(lines) + "\n"
