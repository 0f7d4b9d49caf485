"""What the dashboards show, as data: one dashboard an audience, each panel one question with its queries.

No library here, so that the tests of the product read it too; `dashboards.py` makes Grafana's JSON of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One question. ``queries``: PromQL -> legend. ``bad``: from this value on it is red, as its alert says.

    ``big`` shows the newest value as a number; ``unit`` is Grafana's name of a unit.
    """

    title: str
    says: str
    queries: dict[str, str]
    unit: str = "short"
    bad: float | None = None
    big: bool = False
    width: int = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Board:
    """The dashboard of one audience; ``rows``: heading -> panels."""

    uid: str
    title: str
    says: str
    rows: dict[str, tuple[Panel, ...]]


RATE: Final = "[$__rate_interval]"
"""Grafana fills in four times the scrape's interval, or more."""


def rates(metric: str, by: str = "", *, legend: str = "", minute: bool = False) -> dict[str, str]:
    """Return the query for how often a counter rises a second, or a ``minute``, for each ``by``."""
    labels = f" by ({by}) " if by else ""
    names = legend or " ".join(f"{{{{{name.strip()}}}}}" for name in by.split(","))
    return {f"{'60 * ' if minute else ''}sum{labels}(rate({metric}{RATE}))": names}


def quantiles(metric: str, by: str = "") -> dict[str, str]:
    """Return the queries for what half and 95 % of a histogram's events stay below, for each ``by``."""
    labels, legend = (f", {by}", f"{{{{{by}}}}} ") if by else ("", "")
    rate = f"sum by (le{labels}) (rate({metric}_bucket{RATE}))"
    return {
        f"histogram_quantile({share}, {rate})": f"{legend}{name}"
        for share, name in ((0.5, "half"), (0.95, "95 %"))
    }
