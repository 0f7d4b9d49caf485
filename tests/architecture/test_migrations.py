"""Migrations may run beside the last release: squawk reads the new ones; its rules are tried on bad ones."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.db import concurrent_indexes, grants
from ledger.db.migrate import declared

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "ledger" / "db" / "migrations"
SQUAWK = Path(sys.executable).with_name("squawk")
FIRST = "0027"
"""Older ones were released before the rules."""
NEW = sorted(path for path in FOLDER.glob("*.sql") if path.name >= FIRST)
FEW = "-- few rows:"
"""Begins the comment above an UPDATE or DELETE, with the reason: it locks each row until the file's end."""
WRITES = re.compile(r"^(?:UPDATE|DELETE|INSERT INTO \w+ .*?SELECT)\b", re.IGNORECASE | re.DOTALL)
BAD = {
    "ALTER TABLE users DROP COLUMN email;": "ban-drop-column",
    "ALTER TABLE users RENAME COLUMN email TO mail;": "renaming-column",
    "ALTER TABLE users RENAME TO people;": "renaming-table",
    "ALTER TABLE users ADD COLUMN age text NOT NULL;": "adding-required-field",
    "ALTER TABLE users ALTER COLUMN erased_at SET NOT NULL;": "adding-not-nullable-field",
    "ALTER TABLE users ALTER COLUMN email TYPE varchar(9);": "changing-column-type",
    "ALTER TABLE users ADD CONSTRAINT a CHECK (email <> '');": "constraint-missing-not-valid",
    "CREATE INDEX a ON users (email);": "require-concurrent-index-creation",
    "CREATE INDEX CONCURRENTLY a ON users (email);": "unmarked-concurrent-index",
    "DROP INDEX users_to_empty;": "require-concurrent-index-deletion",
    "DROP TABLE users;": "ban-drop-table",
}
GOOD = (
    "CREATE TABLE new (id int PRIMARY KEY, at timestamptz NOT NULL);\nCREATE INDEX new_at ON new (at);",
    "ALTER TABLE users ADD COLUMN age text;",
    "ALTER TABLE users ADD COLUMN age text NOT NULL DEFAULT '';",
    "-- squawk-ignore ban-drop-column\nALTER TABLE users DROP COLUMN unused;",
    f"{concurrent_indexes.MARK}\nCREATE INDEX CONCURRENTLY a ON users (email);",
)


def findings(path: Path) -> list[str]:
    """Return the names of the rules that the file breaks."""
    marked = concurrent_indexes.is_marked(path.read_text())
    command = [
        SQUAWK,
        "--config",
        ROOT / ".squawk.toml",
        "--reporter",
        "json",
        *(["--no-assume-in-transaction"] if marked else []),
        path,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    found = {entry["rule_name"] for entry in json.loads(done.stdout)}
    if marked:
        concurrent_indexes.statements(path.read_text())
    elif re.search(r"^[^-]*INDEX CONCURRENTLY", path.read_text(), re.MULTILINE):
        found.add("unmarked-concurrent-index")  # squawk lets a file of one such statement pass
    return sorted(found | set(_writes(path.read_text())))


def _writes(sql: str) -> list[str]:
    """Return a finding for each statement that writes rows of a table that may be large."""
    found = []
    for statement in sql.split(";"):
        lines = statement.strip().splitlines()
        comments = [line for line in lines if line.startswith("--")]
        text = "\n".join(line for line in lines if not line.startswith("--")).strip()
        if WRITES.match(text) and not any(line.startswith(FEW) for line in comments):
            found.append("writes-rows")
    return found


@pytest.mark.parametrize("path", NEW, ids=lambda path: path.stem)
def test_a_new_migration_holds_up_no_writer(path: Path) -> None:
    assert findings(path) == [], "docs/contributing.md, `Change the schema`, says what to do instead"


@pytest.mark.parametrize("sql", BAD)
def test_the_rules_see_what_they_forbid(sql: str, tmp_path: Path) -> None:
    path = tmp_path / "0099_bad.sql"
    path.write_text(f"-- A comment.\n{sql}\n")
    assert BAD[sql] in findings(path)


@pytest.mark.parametrize("sql", GOOD)
def test_the_rules_pass_what_is_allowed(sql: str, tmp_path: Path) -> None:
    path = tmp_path / "0099_good.sql"
    path.write_text(f"{sql}\n")
    assert findings(path) == []


def test_rows_are_not_rewritten_without_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "0099_rows.sql"
    path.write_text("-- All of them.\nUPDATE users SET email = lower(email);\n")
    assert findings(path) == ["writes-rows"]
    path.write_text(f"{FEW} one a partner, of which there are hundreds.\nUPDATE partners SET slug = 'a';\n")
    assert findings(path) == []


def test_the_numbers_are_in_order_and_taken_once() -> None:
    numbers = [migration.name.partition("_")[0] for migration in declared()]
    assert numbers == sorted(set(numbers))
    assert all(re.fullmatch(r"\d{4}", number) for number in numbers)


def of_last_release(path: str) -> str:
    """Return a file's text in the last release; skips where this checkout has no history."""
    commit = (ROOT / "deploy" / "last_release").read_text().strip()
    show = ["git", "show", f"{commit}:{path}"]
    done = subprocess.run(show, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this checkout has no commit {commit}: fetch the whole history (git fetch --unshallow)")
    return done.stdout


def test_the_last_release_keeps_its_rights() -> None:
    """The new release's `migrate` sets the rights while the last one's processes still run."""
    for role, tables in json.loads(of_last_release("ledger/db/grants.json")).items():
        for table, verbs in tables.items():
            missing = set(verbs) - set(grants.TABLES[role].get(table, ()))
            assert not missing, f"{role} of the last release still needs {missing} on {table}"


def test_the_last_release_is_a_commit() -> None:
    """The upgrade drill makes the last release from it (tests/upgrade)."""
    commit = (ROOT / "deploy" / "last_release").read_text().strip()
    assert re.fullmatch(r"[0-9a-f]{40}", commit)
    shallow = ["git", "rev-parse", "--is-shallow-repository"]
    asked = subprocess.run(shallow, cwd=ROOT, capture_output=True, text=True, check=False)
    if asked.stdout.strip() == "false":
        there = subprocess.run(["git", "cat-file", "-e", f"{commit}^{{commit}}"], cwd=ROOT, check=False)
        assert there.returncode == 0, (
            f"deploy/last_release names {commit}, which is no commit of this repository"
        )
