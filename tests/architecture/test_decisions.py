"""The list of decisions has each under its own title, and names the number that was never used."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "decisions"
INDEX = (FOLDER / "README.md").read_text()
LISTED = dict(re.findall(r"^\| \[\d{4}\]\((\S+)\) \| (.+) \|$", INDEX, re.MULTILINE))


def test_every_decision_is_listed_under_its_own_title() -> None:
    titles = {path.name: path.read_text().splitlines()[0] for path in FOLDER.glob("0*.md")}
    assert titles == {name: f"# {name[:4]}. {title}" for name, title in LISTED.items()}


def test_a_number_that_is_missing_is_spoken_of() -> None:
    numbers = sorted(int(name[:4]) for name in LISTED)
    missing = set(range(1, numbers[-1] + 1)) - set(numbers)
    assert missing == {int(number) for number in re.findall(r"The number (\d{4}) was never given", INDEX)}
