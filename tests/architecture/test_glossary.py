"""Names, docstrings, comments and documents use the words of docs/glossary.md."""

from __future__ import annotations

import hashlib
import io
import re
import tokenize
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
ALLOWED = Path(__file__).with_name("glossary_allowed.txt")
MOST_ALLOWED = 13
ROLES = ["bus", "photo", "gateway", "ledger", "inference_consumer", "export_consumer", "sharpstream"]
FOLDERS = [*ROLES, "tests", "benchmarks", "training", "deploy"]
EVERYWHERE = """
    told untold tell tells telling teller wish wishes wished wishing lane lanes vigil struck strike
    strikes striking blow blows astray unfit hopeless overtake overtakes overtaken overtaking overtook
    zombie zombies yard broom knock knocks knocking seat seats murderer murderers whoever namesake
    namesakes underway
"""
"""Words that neither a name nor a sentence may have: docs/glossary.md gives the replacement."""
NAMES_ONLY = """
    means place places placeless nobody nobodys somebody somebodys anybody anybodys everybody books
    settle settles settled settling unsettled sieve patience patient patiently pace look looks looking
    door doors govern standing halving ill whisper keeper keepers chore chores
"""
"""Ordinary English words, vague as the name of a class, function, variable or test."""
PHRASES = ("under way",)

IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
QUOTED = re.compile(r"`+([^`\n]+)`+")
FENCED = re.compile(r"(?ms)^```.*?^```")
IN_SENTENCE = re.compile(
    rf"\b(?:{'|'.join([*EVERYWHERE.split(), *PHRASES])})\b".replace(" ", r"\s+"), re.IGNORECASE
)
IN_NAME = re.compile(rf"\b(?:{'|'.join([*EVERYWHERE.split(), *NAMES_ONLY.split(), *PHRASES])})\b")
BRACED = re.compile(r"\{[^{}\"]*\}")

FROZEN = {
    "0001_initial.sql": "594f6a9a5e6a5cdf2c96a14dddeac5ccf6a141092f294ba412d1087bc7bb24e3",
    "0002_accounts.sql": "a0a042073686904d717d7e15c55a610825ca4fe0e5369e7ac1069cb69396f586",
    "0003_intake.sql": "378ae7fd2fc40784179b0435ad64c62d70d82fd4aa0faa2172379d3169f49ff5",
    "0004_scenes.sql": "9cc0001fa2088c78cdd17da7b5b2b978682df6ae443d871f29bcedf30c1ffc68",
    "0005_webhooks.sql": "cd1ac2e9e12efee0145ae70c12b55ce7d95fa20f08ccca80edad1a0f2536e743",
    "0006_streams.sql": "c27b0ac80b2805d5a705d6fe6737792b1f029a25e3c94721c24c51fe21536558",
    "0007_dead_letters.sql": "56ebecfad1e7c9772fec277abaabcadb4f21330981ea591bbb915601af46c54d",
    "0008_partners.sql": "e039d418d14c4df9e9538d55a94fc93bd47189a8231deabbc173653b7df9eca0",
    "0009_chores.sql": "b4d9fec2485ee0f9286c288d6ed836c7c6edc0c662611a887a22bdafcaa398bf",
    "0010_lanes.sql": "0d83a63ba471699e069e9ec238284c95643a0ee04b36a2ed518ae85b2e980ef2",
    "0011_views_and_shares.sql": "4eba0d8256d30c3cc9d854717f70074af2a9e70c6c97595627c9a8830f8aef6f",
    "0012_local_indexes.sql": "0c32b574ed1b91e891b9237b1ed4a9bb40f5644dbde55cb56dbc994785c31dab",
    "0013_asked_priority.sql": "71a985f600fe8607d0ff835e19757e6c5d5c6055b842cf31ac945e89c29ce50a",
    "0014_usage_by_key.sql": "523a6dd211550f6eb09ee8343b521c0355a9bfd4f9a3c5097e29b7ec3c147234",
}


class Found(NamedTuple):
    """One banned word: ``token`` is the identifier that has it, or the word as it stands in a sentence."""

    path: str
    line: int
    kind: str
    token: str


@cache
def banned_in(identifier: str) -> bool:
    """Whether an identifier, split at ``_`` and capitals, has a banned word."""
    return bool(IN_NAME.search(" ".join(PARTS.findall(identifier)).lower()))


def in_name(path: str, line: int, text: str) -> Iterator[Found]:
    return (Found(path, line, "name", each) for each in IDENTIFIER.findall(text) if banned_in(each))


def in_prose(path: str, line: int, text: str) -> Iterator[Found]:
    """Yield the banned words of sentences; what stands in backticks or has a ``_`` is read as a name."""

    def at(offset: int) -> int:
        return line + text.count("\n", 0, offset)

    plain = list(text)
    for quoted in QUOTED.finditer(text):
        yield from in_name(path, at(quoted.start()), quoted.group(1))
        plain[quoted.start() : quoted.end()] = "~" * len(quoted.group())
    sentence = "".join(plain)
    for word in IN_SENTENCE.finditer(sentence):
        yield Found(path, at(word.start()), "prose", " ".join(word.group().lower().split()))
    for word in IDENTIFIER.finditer(sentence):
        if "_" in word.group().strip("_") and banned_in(word.group()):
            yield Found(path, at(word.start()), "name", word.group())


def in_python(path: str, source: str) -> Iterator[Found]:
    """Yield the banned words of a module's file name, names, comments and docstrings."""
    yield from in_name(path, 1, Path(path).stem)
    before = tokenize.NEWLINE
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        line = token.start[0]
        if token.type == tokenize.NAME:
            yield from in_name(path, line, token.string)
        elif token.type == tokenize.COMMENT:
            yield from in_prose(path, line, token.string)
        elif token.type == tokenize.STRING:
            if before in {tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}:  # a statement of its own
                yield from in_prose(path, line, token.string)
            elif "f" in token.string[: token.string.index(token.string[-1])].lower():
                for braced in BRACED.findall(token.string):
                    yield from in_name(path, line, braced)
        if token.type not in {tokenize.COMMENT, tokenize.NL}:
            before = token.type


def in_markdown(path: str, source: str) -> Iterator[Found]:
    if (
        Path(path).name == "CHANGELOG.md"
    ):  # history keeps its words, and a table of renamed names its old names
        released = re.split(r"(?m)^## (?!.*unreleased)", source, maxsplit=1, flags=re.IGNORECASE)[0]
        source = re.sub(r"(?m)^\|.*$", "", released)
    yield from in_prose(path, 1, FENCED.sub(lambda code: "\n" * code.group().count("\n"), source))


@cache
def scan(path: Path, root: Path = ROOT) -> list[Found]:
    name = path.relative_to(root).as_posix()
    return list((in_python if path.suffix == ".py" else in_markdown)(name, path.read_text()))


def sources(folder: str, root: Path = ROOT) -> list[Path]:
    if folder == "documents":
        every = [root / "README.md", root / "CHANGELOG.md", *sorted((root / "docs").rglob("*.md"))]
        return [path for path in every if path.name != "glossary.md"]  # it names the words that it replaces
    own = Path(__file__).relative_to(ROOT)
    return [path for path in sorted((root / folder).rglob("*.py")) if path.relative_to(root) != own]


@cache
def allowed() -> list[tuple[str, list[str], str]]:
    """Return (token, path patterns, reason) of each line ``token  pattern[,pattern]  reason``."""
    lines = [line for line in ALLOWED.read_text().splitlines() if line and not line.startswith("#")]
    entries = [line.split(maxsplit=2) for line in lines]
    return [(token, patterns.split(","), reason) for token, patterns, reason in entries]


def is_allowed(found: Found) -> bool:
    mine = [patterns for token, patterns, _ in allowed() if token == found.token and found.kind == "name"]
    return any(fnmatchcase(found.path, pattern) for patterns in mine for pattern in patterns)


@pytest.mark.parametrize("folder", [*FOLDERS, "documents"])
def test_words_are_the_glossarys(folder: str) -> None:
    wrong = [each for path in sources(folder) for each in scan(path) if not is_allowed(each)]
    assert wrong == []


def test_what_is_allowed_occurs_and_has_a_reason() -> None:
    every = [each for folder in [*FOLDERS, "documents"] for path in sources(folder) for each in scan(path)]
    unused = [
        (token, pattern)
        for token, patterns, _ in allowed()
        for pattern in patterns
        if not any(each.token == token and fnmatchcase(each.path, pattern) for each in every)
    ]
    assert unused == []
    assert len(allowed()) <= MOST_ALLOWED


def test_released_migrations_are_frozen() -> None:
    """An installed database holds their hashes and refuses an edited file."""
    files = [path for path in (ROOT / "ledger/db/migrations").glob("*.sql") if path.name[:4] <= "0014"]
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files} == FROZEN


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def tell_all(): ...", ["tell_all"]),
        ("class OldLane: ...", ["OldLane"]),
        ("x = f'{self.told!r} told'", ["told"]),
        ('"""It is under\nway."""', ["under way"]),
        ('"""A meaning of `means`, in its place."""', ["means"]),
        ("y = 'told'  # Tell nobody: see per_lane.", ["tell", "per_lane"]),
        ("stellar = island = plane = 1", []),
    ],
)
def test_names_and_sentences_are_read_apart(source: str, found: list[str]) -> None:
    assert [each.token for each in in_python("x.py", source)] == found
