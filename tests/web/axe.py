"""Finds what axe finds on a page, in both themes."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
_FINDINGS = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
    .map((each) => `${each.id}: ${each.nodes.map((node) => node.html).join(" ")}`)"""


def findings(page: Page) -> list[str]:
    """Return the violations of the page as it is shown, in light and in dark."""
    found: list[str] = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.evaluate(AXE.read_text())
        found += [f"{scheme} {each}" for each in page.evaluate(_FINDINGS)]
    return found
