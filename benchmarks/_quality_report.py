"""The tables of `quality.py`, from the measures of all pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

OURS = "`layered`, focal length known"
OURS_NO_FOCAL = "`layered`, focal length unknown"
TRUTH = "`layered`'s building, true depth"
TRUTH_SMALL = "`layered`'s building, true depth as coarse as the network's"
PLANE = "tilted plane, best on this pair"
FLAT = "flat card, best on this pair"

Found = Sequence[dict[str, Any]]


def markdown(facts: dict[str, Any]) -> str:
    """Return the report as a page."""
    found = facts["pairs"]
    rendered = [one for one in found if one["kind"] != "real"]
    groups: dict[str, Found] = {one["pair"]: [one] for one in found if one["kind"] == "real"}
    if rendered:
        groups[f"{len(rendered)} rendered pairs"] = rendered
    title = facts["network"]
    made = f"Network: {title}, weights {facts['weights_sha256'][:12]}." if title else "No network."
    lines = [
        "# Second views: " + (f"`layered/{title}`" if title else "scene building from the true depth"),
        "",
        made
        + " PSNR in dB of sRGB, SSIM of the luma (Gaussian window of 1.5 pixels), on the part of the second"
        " view that the first picture's frame holds. Holes: coverage below 0.5 there, below 0.95 in the own"
        " view.",
        "",
    ]
    for name, group in groups.items():
        lines += [f"## {name}", "", *_views(group), "", *_geometry(group), ""]
    if rendered:
        lines += _wins(rendered)
    if title:
        lines += _goals(groups, rendered)
    return "\n".join(lines)


def _mean(group: Found, row: str, *path: str) -> float:
    values = []
    for one in group:
        value = one["views"][row]
        for key in path:
            value = value[key]
        values.append(value)
    return float(np.mean(values))


def _views(group: Found) -> list[str]:
    lines = [
        "| scene | PSNR | SSIM | holes % | best scale | PSNR there | SSIM there | own PSNR | own holes % |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in group[0]["views"]:
        scaled = f"{_spread(group, row)} | {_mean(group, row, 'scaled', 'psnr'):.2f} "
        scaled += f"| {_mean(group, row, 'scaled', 'ssim'):.3f}"
        lines.append(
            f"| {row} | {_mean(group, row, 'metric', 'psnr'):.2f} | {_mean(group, row, 'metric', 'ssim'):.3f}"
            f" | {100 * _mean(group, row, 'metric', 'holes'):.2f} | {scaled if row in _SEARCHED else '| |'}"
            f" | {_mean(group, row, 'own_psnr'):.2f} | {100 * _mean(group, row, 'own_holes'):.2f} |"
        )
    return lines


_SEARCHED = (OURS,)


def _spread(group: Found, row: str) -> str:
    """Return the best scale, or its quartiles over several pairs."""
    scales = [one["views"][row]["scale"] for one in group]
    if len(scales) == 1:
        return f"{scales[0]:.2f}"
    low, middle, high = np.quantile(scales, (0.25, 0.5, 0.75))
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def _geometry(group: Found) -> list[str]:
    lines = [
        "| depth | ordinal accuracy | scale-invariant error | absolute relative error | within 25 % |",
        "|---|---:|---:|---:|---:|",
    ]
    for row in group[-1]["geometry"]:
        ordinal, silog, absrel, within = (
            np.nanmean([one["geometry"][row][key] for one in group])
            for key in ("ordinal", "silog", "absrel", "within25")
        )
        lines.append(f"| {row} | {ordinal:.3f} | {silog:.3f} | {absrel:.3f} | {within:.3f} |")
    if "network" in group[-1]["geometry"]:
        factor, focal = (
            np.exp(np.mean(np.abs([one["geometry"]["network"][key] for one in group])))
            for key in ("scale_error", "focal_error")
        )
        lines += [
            "",
            f"The metric scale is off by a factor of {factor:.2f}, the focal length by {focal:.2f}.",
        ]
    return lines


def _better(group: Found, row: str, at: str) -> float:
    return float(
        np.mean([one["views"][row][at]["psnr"] > one["views"][PLANE]["metric"]["psnr"] for one in group])
    )


def _wins(rendered: Found) -> list[str]:
    kinds = sorted({one["kind"] for one in rendered})
    rows = [row for row in rendered[0]["views"] if row not in (PLANE, FLAT)]
    lines = [
        "## Share of the rendered pairs on which a scene's PSNR is above the best tilted plane's, %",
        "",
        "| scene | all | " + " | ".join(kinds) + " |",
        "|---|---:|" + "---:|" * len(kinds),
    ]
    groups = [rendered, *([one for one in rendered if one["kind"] == kind] for kind in kinds)]
    for row in rows:
        for at in ("metric", "scaled") if row in _SEARCHED else ("metric",):
            note = ", at its best scale" if at == "scaled" else ""
            shares = " | ".join(f"{100 * _better(group, row, at):.0f}" for group in groups)
            lines.append(f"| {row}{note} | {shares} |")
    return [*lines, ""]


def _goals(groups: dict[str, Found], rendered: Found) -> list[str]:
    lines = ["## Goals", "", "| goal | reached | |", "|---|---:|---|"]

    def add(goal: str, value: float, good: bool, form: str = "{:.2f}") -> None:
        lines.append(f"| {goal} | {form.format(value)} | {'yes' if good else 'no'} |")

    for name, least in (("motorcycle", 0.93), ("aloe", 0.85)):
        if name in groups:
            reached = groups[name][0]["geometry"]["network"]["ordinal"]
            add(f"ordinal accuracy of {name}, at least {least}", reached, reached >= least, "{:.3f}")
            gain = _mean(groups[name], OURS, "metric", "psnr") - _mean(groups[name], PLANE, "metric", "psnr")
            add(f"PSNR of {name} over the best plane's, above 0 dB", gain, gain > 0, "{:+.2f}")
    if rendered:
        share = 100 * _better(rendered, OURS, "metric")
        add("rendered pairs with a PSNR above the best plane's, at least 80 %", share, share >= 80, "{:.0f}")
    for name, group in groups.items():
        own, holes = _mean(group, OURS, "own_psnr"), 100 * _mean(group, OURS, "own_holes")
        add(f"own view of {name}, at least 30 dB", own, own >= 30)
        add(f"holes in the own view of {name}, below 0.1 %", holes, holes < 0.1)
    return [*lines, ""]
