"""The objectives, and the Prometheus rules that watch how quickly their error budgets are spent.

``python deploy/watching/objectives.py`` writes ``rules/objectives.yaml``; a test compares it. An alert needs
two windows: the long one says that it matters, the short one that it still goes on (Google's SRE workbook,
chapter 5).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

FILE: Final = Path(__file__).parent / "rules/objectives.yaml"
HEAD: Final = "# Written by deploy/watching/objectives.py: change it there.\n"
WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
STEP_S: Final = 60
"""Between two values of a rate: their sum, times this, is the number of events."""
FEWEST: Final = 20
"""Events in the long window without which nothing is said: one failure of three is no trend."""
_NOT_OURS: Final = (
    "completed|cancelled|photo_.*|unsupported_.*|model_unavailable|focal_length_invalid|geometry_not_found"
)
"""Outcomes of attempts that are a photo's or the caller's doing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Objective:
    """A share of events that must be good over 30 days; ``bad`` and ``total`` are their rates."""

    name: str
    alert: str
    share: float
    bad: str
    total: str
    roles: str
    says: str

    @property
    def budget(self) -> float:
        """The share of events that may be bad."""
        return round(1 - self.share, 6)


def _slower(metric: str, labels: str, seconds: str) -> str:
    """Return the rate of the events that took longer; ``seconds`` is a bucket's end as Prometheus has it."""
    return (
        f"sum(rate({metric}_count{{{labels}}}[5m]))"
        f' - sum(rate({metric}_bucket{{{labels},le="{seconds}"}}[5m]))'
    )


_REQUEST: Final = "sharpstream_http_request_seconds"
_USERS: Final = 'route!~"/health/.*"'
"""Probes of load balancers are most requests of a quiet system, and their 503 is an answer, not a failure."""
_GENERATION: Final = "sharpstream_generation_seconds"

OBJECTIVES: Final = (
    Objective(
        name="requests_failed",
        alert="RequestsFail",
        share=0.999,
        bad=f'sum(rate({_REQUEST}_count{{{_USERS},status=~"5.."}}[5m])) or vector(0)',
        total=f"sum(rate({_REQUEST}_count{{{_USERS}}}[5m]))",
        roles="gateway",
        says="99.9 % of requests are answered without an error of ours (5xx)",
    ),
    Objective(
        name="generations_failed",
        alert="GenerationsFail",
        share=0.99,
        bad=f'sum(rate(sharpstream_generations_total{{code!~"{_NOT_OURS}"}}[5m])) or vector(0)',
        total='sum(rate(sharpstream_generations_total{code!="cancelled"}[5m]))',
        roles="inference",
        says="99 % of attempts at a generation succeed, but for bad photos",
    ),
    Objective(
        name="reads_slow",
        alert="ReadsSlow",
        share=0.99,
        bad=_slower(_REQUEST, f'{_USERS},method="GET"', "1.0"),
        total=f'sum(rate({_REQUEST}_count{{{_USERS},method="GET"}}[5m]))',
        roles="gateway",
        says="99 % of reading requests are answered within a second",
    ),
    Objective(
        name="generations_slow",
        alert="GenerationsSlow",
        share=0.95,
        bad=_slower(_GENERATION, 'priority="interactive"', "30.0"),
        total=f'sum(rate({_GENERATION}_count{{priority="interactive"}}[5m]))',
        roles="inference",
        says="95 % of interactive photos are splats within 30 s of the request",
    ),
)
BURNS: Final = (
    ("page", ((14.4, "1h", "5m"), (6, "6h", "30m")), "2m"),
    ("ticket", ((3, "1d", "2h"), (1, "3d", "6h")), "15m"),
)
"""Severity, (burn rate, long window, short window), how long it must last.

14.4 over an hour spends 2 % of a month's budget, 6 over six hours 5 %, 3 over a day and 1 over three days
10 %.
"""


def ratio(objective: Objective, window: str) -> str:
    """Return the name of the recorded share of bad events."""
    return f"sharpstream:{objective.name}:ratio_{window}"


def events(objective: Objective, window: str) -> str:
    """Return the name of the recorded number of events."""
    return f"sharpstream:{objective.name}:events_{window}"


def rules() -> dict[str, Any]:
    """Return the content of the file."""
    return {
        "groups": [
            {"name": "objectives_rates", "interval": f"{STEP_S}s", "rules": list(_rates())},
            {"name": "objectives_short", "interval": f"{STEP_S}s", "rules": list(_windows(WINDOWS[:4]))},
            {"name": "objectives_long", "interval": "5m", "rules": list(_windows(WINDOWS[4:]))},
            {"name": "objectives", "interval": f"{STEP_S}s", "rules": list(_alerts())},
        ]
    }


def _rates() -> Iterator[dict[str, Any]]:
    """Yield one series each of bad events and of all: the long windows are made of these two."""
    for objective in OBJECTIVES:
        yield {"record": f"sharpstream:{objective.name}:bad", "expr": objective.bad}
        yield {"record": f"sharpstream:{objective.name}:total", "expr": objective.total}


def _windows(windows: Sequence[str]) -> Iterator[dict[str, Any]]:
    counted = {long for _, pairs, _ in BURNS for _, long, _ in pairs}
    for objective in OBJECTIVES:
        for window in windows:
            bad, total = (
                f"sum_over_time(sharpstream:{objective.name}:{which}[{window}])" for which in ("bad", "total")
            )
            yield {"record": ratio(objective, window), "expr": f"{bad} / ({total} > 0)"}
            if window in counted:
                yield {"record": events(objective, window), "expr": f"{total} * {STEP_S}"}


def _alerts() -> Iterator[dict[str, Any]]:
    for objective in OBJECTIVES:
        for severity, pairs, lasts in BURNS:
            yield {
                "alert": objective.alert,
                "expr": " or ".join(_burns(objective, *pair) for pair in pairs),
                "for": lasts,
                "labels": {"severity": severity},
                "annotations": {
                    "summary": f"The objective is missed: {objective.says}."
                    " Bad of late: {{ $value | humanizePercentage }}.",
                    "runbook": f"docs/operations/alerts/{objective.alert}.md",
                    "exported_by": objective.roles,
                },
            }


def _burns(objective: Objective, rate: float, long: str, short: str) -> str:
    limit = f"{rate} * {objective.budget}"
    return (
        f"({ratio(objective, long)} > {limit} and {ratio(objective, short)} > {limit}"
        f" and {events(objective, long)} >= {FEWEST})"
    )


def text() -> str:
    """Return the file's text."""
    return HEAD + yaml.safe_dump(rules(), sort_keys=False, width=110, allow_unicode=True)


if __name__ == "__main__":
    FILE.write_text(text())
