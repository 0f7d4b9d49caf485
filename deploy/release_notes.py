"""``python3 deploy/release_notes.py v1.2.3`` writes the notes of a release to standard output.

They are the section of that version in CHANGELOG.md, and the range of commits since the release before. The
program refuses, with a sentence, what must not become a release: a tag that differs from the version in
pyproject.toml, a version without a section, a section that still says `unreleased` or is empty. It needs
Python and git alone, so that it can run before anything is installed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
TAG = re.compile(r"v(\d+)\.(\d+)\.(\d+)")


class ReleaseError(Exception):
    """The tag must not become a release; the message says why and what to do."""


def section(changelog: str, version: str) -> str:
    """Return what the changelog says of a version, without its heading."""
    heads = list(re.finditer(r"^## +(\S+)[ \t]*(.*)$", changelog, re.MULTILINE))
    for number, head in enumerate(heads):
        if head[1] != version:
            continue
        if "unreleased" in head[2].lower():
            raise ReleaseError(f"CHANGELOG.md calls {version} unreleased: put the date there instead.")
        end = heads[number + 1].start() if number + 1 < len(heads) else len(changelog)
        text = changelog[head.end() : end].strip()
        if not text:
            raise ReleaseError(f"CHANGELOG.md has nothing under {version}: write what changes for users.")
        return text
    raise ReleaseError(f"CHANGELOG.md has no section {version}: add a heading '## {version} (date)'.")


def previous(tag: str, tags: list[str]) -> str | None:
    """Return the release before a tag by number, not by date: a fix of an old release follows that one."""
    own = _numbers(tag)
    older = [other for other in tags if TAG.fullmatch(other) and _numbers(other) < own]
    return max(older, key=_numbers, default=None)


def notes(tag: str, changelog: str, declared: str, tags: list[str]) -> str:
    """Return the notes of a tag, of the changelog, pyproject.toml's version and all tags."""
    if not TAG.fullmatch(tag):
        raise ReleaseError(f"{tag} is no tag of a release: name it like v1.2.3.")
    version = tag.removeprefix("v")
    if version != declared:
        raise ReleaseError(f"pyproject.toml says {declared}, the tag {version}: they must agree.")
    before = previous(tag, tags)
    since = f"All commits: `git log {before}..{tag}`" if before else "The first release."
    return f"{section(changelog, version)}\n\n{since}\n"


def _numbers(tag: str) -> tuple[int, ...]:
    return tuple(int(number) for number in tag.removeprefix("v").split("."))


def main() -> int:
    """Print the notes of the tag given; 1 and a sentence where it must not become a release."""
    parser = argparse.ArgumentParser(description="Writes the notes of a release.")
    parser.add_argument("tag", help="such as v1.2.3")
    tag = parser.parse_args().tag
    command = ("git", "tag", "--list")
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    try:
        text = notes(tag, (ROOT / "CHANGELOG.md").read_text(), declared, listed.stdout.split())
    except ReleaseError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
