"""Reports parity runs as Markdown: ``python -m tests.inference_consumer.sharp.report RUN.xml ...``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from xml.etree import ElementTree

COLUMNS = ("preset", "photo", "stages", "worst stage", "of its tolerance", "seconds")


def rows(path: str) -> Iterator[str]:
    """Yield a table row for each comparison of a run in pytest's XML."""
    for case in ElementTree.parse(path).iter("testcase"):
        reported = {item.get("name"): item.get("value") for item in case.iter("property")}
        if "preset" in reported:
            passed = case.find("failure") is None and case.find("error") is None
            cells = [str(reported[column]) for column in COLUMNS] + ["yes" if passed else "NO"]
            yield f"| {' | '.join(cells)} |"


def main(paths: list[str]) -> None:
    """Write the page."""
    lines = [
        "# Parity",
        "",
        f"Every stage against recorded values, strict tier, CPU float32, `make parity`, {date.today()}.",
        "A stage counts by the larger of its two errors, root mean square and greatest, each as a share",
        "of what is allowed.",
        "",
        "| " + " | ".join((*COLUMNS, "passed")) + " |",
        "|---" * (len(COLUMNS) + 1) + "|",
        *(row for path in paths for row in rows(path)),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
