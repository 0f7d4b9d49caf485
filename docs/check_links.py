"""Checks the Markdown documents: links, anchors, images and the paths they name exist; part of ``make lint``.

It needs no network: of an address elsewhere only the form is checked. A path is a word in backticks that
looks like one: ``tests/e2e/x.py``, ``gateway/api``, ``bus/{relay,outbox}.py``, ``tests/x.py::test_y``.
"""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^ {0,3}(```+|~~~+)")
CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$")
LINK = re.compile(r"\]\(\s*<?([^\s()<>]*(?:\([^\s()]*\)[^\s()<>]*)*)>?(?:\s+[\"'(][^)]*)?\s*\)")
DEFINITION = re.compile(r"^ {0,3}\[[^\]^]+\]:\s+<?(\S+?)>?(?:\s|$)")
HTML = re.compile(r"<(?:a|img)\b[^>]*?\b(?:href|src)=[\"']([^\"']*)[\"']")
ID = re.compile(r"<[a-z]+\b[^>]*?\b(?:id|name)=[\"']([^\"']+)[\"']")
PATH = re.compile(r"\.{0,2}[\w@-][\w@.*{},-]*(?:/[\w@.*{},-]+)+/?|[\w-]+/")
SUFFIX = re.compile(r"\.(?:py|md|sql|toml|tsx?|css|mjs|sh|ya?ml|xml|html)$")
MADE = re.compile(r"\.venv/|\.sharpstream/|(?:build|dist|out|node_modules|logs|splats)/|web/dist\b")
"""Folders which are built, installed or written by the running system."""
INSERTED = {"tests/chaos/found.md": "docs"}
"""Pieces of other documents -> the folder of the document that holds them: their links start there."""


def problems(document: Path, root: Path = ROOT) -> Iterator[str]:
    """Yield a sentence for each thing a document names that does not exist."""
    for number, line in _prose(document.read_text()):
        where = f"{document.relative_to(root)}:{number}"
        without_code = CODE.sub("", line)
        for pattern in (LINK, DEFINITION, HTML):
            for target in pattern.findall(without_code):
                if wrong := _link(target, document, root):
                    yield f"{where}: {wrong}"
        for _, code in CODE.findall(line):
            for word in code.split():
                if wrong := _path(word, document, root):
                    yield f"{where}: {wrong}"


def _prose(text: str) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines outside fenced code."""
    fence = ""
    for number, line in enumerate(text.splitlines(), 1):
        mark = FENCE.match(line)
        if fence:
            fence = "" if mark and mark[1].startswith(fence) else fence
        elif mark:
            fence = mark[1]
        else:
            yield number, line


def _link(target: str, document: Path, root: Path) -> str:
    """Return what is wrong with a link's target; empty where nothing is."""
    folder = root / INSERTED.get(str(document.relative_to(root)), document.relative_to(root).parent)
    try:
        parts = urlsplit(target)
    except ValueError:
        return f"{target} is no address"
    if parts.scheme or parts.netloc:
        good = parts.scheme in {"http", "https"} and re.fullmatch(r"[\w.-]+\w(:\d+)?", parts.netloc)
        return "" if good or (parts.scheme == "mailto" and "@" in parts.path) else f"{target} is no address"
    path = unquote(parts.path)
    file = (root / path[1:] if path.startswith("/") else folder / path).resolve() if path else document
    if not file.is_relative_to(root.resolve()) or not file.exists():
        return f"the link to {target} leads nowhere"
    if not parts.fragment or (file.suffix != ".md" and re.fullmatch(r"L\d+(-L\d+)?", parts.fragment)):
        return "" if parts.fragment or target else "a link has no target"
    if file.suffix != ".md" or unquote(parts.fragment) not in anchors(file):
        return f"{target}: there is no such heading"
    return ""


@lru_cache
def anchors(document: Path) -> frozenset[str]:
    """Return the anchors of a document, as GitHub makes them of its headings."""
    found: set[str] = set()
    for _, line in _prose(document.read_text()):
        found.update(ID.findall(line))
        if heading := HEADING.match(line):
            text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).lower()
            slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
            found.add(next(s for n in itertools.count() if (s := f"{slug}-{n}" if n else slug) not in found))
    return frozenset(found)


def _path(word: str, document: Path, root: Path) -> str:
    """Return what is wrong with a word in backticks; empty where it exists, or is no path of ours."""
    path, _, test = word.strip("\"'(),;").partition("::")
    path = re.sub(r":\d+(-\d+)?$", "", path)
    ours = SUFFIX.search(path) or (root / path.partition("/")[0]).is_dir()
    if not PATH.fullmatch(path) or MADE.match(path) or not ours:
        return ""
    for one in _spelt_out(path.rstrip("/")):
        found = [
            file for base in (root, document.parent) for end in ("", ".py") for file in base.glob(one + end)
        ]
        if not found:
            return f"there is no {one}"
        name = test.partition("[")[0].rpartition("::")[2]
        if name and not re.search(rf"\b(?:def|class) {name}\b", found[0].read_text()):
            return f"{one} has no {name}"
    return ""


def _spelt_out(path: str) -> list[str]:
    """Return the paths that one with ``{a,b}`` stands for."""
    if not (braces := re.search(r"\{([^{}]*)\}", path)):
        return [path]
    return [
        whole
        for part in braces[1].split(",")
        for whole in _spelt_out(path[: braces.start()] + part + path[braces.end() :])
    ]


def documents(root: Path = ROOT) -> list[Path]:
    """Return the Markdown files that are committed, or will be."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.split("\0")  # noqa: S603 - a fixed command
    return sorted(root / name for name in listed if name and (root / name).is_file())


def main() -> int:
    """Print what is wrong; exit status 1 where something is."""
    found = [wrong for document in documents() for wrong in problems(document)]
    sys.stdout.write("".join(f"{line}\n" for line in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
