"""Committed files fit every machine: no paths, package registries or secrets of a single one."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FORBIDDEN = {
    "a home directory": re.compile(r"/(?:home|Users)/[a-z]|(?<![\w.])/r[o]ot/"),
    "the address of a package index": re.compile(
        r"--(?:extra-)?index[-]url|--find[-]links\s*[=h/]|\"resolved\":\s*\"h[t]tp|registry\s*=\s*h[t]tp"
    ),
    "a Maven repository": re.compile(r"<re[p]ository>|<pluginRe[p]ository>"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE K[E]Y-----"),
    "an AWS key": re.compile(r"\bAK[I]A[0-9A-Z]{16}\b"),
}
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def committed() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    found = []
    for path in committed():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue  # a picture or a tensor
        found += [f"{path.relative_to(ROOT)}: {hit.group()}" for hit in FORBIDDEN[what].finditer(text)]
    assert found == []


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a home directory", "see /ho" + "me/ada/notes"),
        ("a home directory", "target=/ro" + "ot/.cache"),
        ("the address of a package index", "--index-" + "url https://example.org"),
        ("the address of a package index", '"resolved": "ht' + 'tps://example.org/x.tgz"'),
        ("a private key", "-----BEGIN RSA PRIVATE K" + "EY-----"),
    ],
)
def test_the_patterns_find_what_they_are_for(what: str, text: str) -> None:
    assert FORBIDDEN[what].search(text)


def test_there_are_locks_for_every_role() -> None:
    names = {
        "dev", "run", "uv", "gateway", "inference", "inference-gpu", "sharp", "export", "ledger", "training",
        "deploy", "generators", "java", "node",
    }  # fmt: skip
    assert {path.stem for path in LOCKS} == names


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_locks_pin_by_hash_and_name_no_address(path: Path) -> None:
    text = path.read_text()
    assert "://" not in text
    entries = re.split(r"\n(?=[a-zA-Z0-9])", text.strip())
    assert entries
    for entry in entries:
        assert re.match(r"[a-zA-Z0-9._-]+(?:\[[^\]]*\])?==[^\s;\\]+", entry), entry[:80]
        assert "--hash=sha256:" in entry, entry[:80]


@pytest.mark.parametrize(
    "path",
    [p for p in LOCKS if p.stem not in {"dev", "uv", "deploy", "generators", "java", "node"}],
    ids=lambda p: p.name,
)
def test_locks_agree_on_versions(path: Path) -> None:
    def versions(lock: Path) -> dict[str, str]:
        return dict(re.findall(r"^([a-zA-Z0-9._-]+)==([^\s;\\]+)", lock.read_text(), re.MULTILINE))

    own, dev = versions(path), versions(ROOT / "requirements" / "dev.txt")
    shared = own.keys() & dev.keys()
    assert {name: own[name] for name in shared} == {name: dev[name] for name in shared}
    # Training is apart from the product and its tests; everything else is a part of dev, without the GPU's
    # build of onnxruntime, which would overwrite the CPU's, and a library that it alone needs.
    apart = {"onnxruntime-gpu", "nvidia-curand"} if path.stem == "inference-gpu" else set()
    assert path.stem == "training" or own.keys() - shared == apart


def test_no_lock_has_both_builds_of_onnxruntime() -> None:
    """They have one import name, so the one that is installed later overwrites the other."""
    builds = {
        path.stem: set(re.findall(r"^(onnxruntime(?:-gpu)?)==", path.read_text(), re.MULTILINE))
        for path in LOCKS
    }
    assert builds["inference-gpu"] == {"onnxruntime-gpu"}
    assert builds["inference"] == builds["sharp"] == builds["run"] == {"onnxruntime"}
    assert [lock for lock, found in builds.items() if len(found) > 1] == []
    assert [lock for lock, found in builds.items() if "onnxruntime-gpu" in found] == ["inference-gpu"]


def test_torch_is_in_one_image_only() -> None:
    with_torch = {path.stem for path in LOCKS if re.search(r"^torch==", path.read_text(), re.MULTILINE)}
    assert with_torch <= {"sharp", "dev", "training"}
    assert "sharp" in with_torch
