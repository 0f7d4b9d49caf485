"""Third-party readers: the exported files as they read them, as arrays.

The Node readers (`readers/read.mjs`) read a whole folder in one process. `make test` installs them if Node is
present; without them the tests that need them are skipped with a reason.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pytest

from export_consumer.gaussians import Floats, Gaussians

READERS: Final = Path(__file__).parent / "readers"
DOCS: Final = Path(__file__).parents[2] / "docs/formats.md"
needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not (READERS / "node_modules").is_dir(),
    reason="needs Node and `npm ci --ignore-scripts` in tests/export_consumer/readers; `make test` does that",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """The content of one file according to one reader."""

    report: Mapping[str, Any]
    arrays: Mapping[str, Floats]  # flat
    path: Path

    def gaussians(self) -> Gaussians:
        """Return the rows of a splat reader."""
        return gaussians_of(self.arrays["rows"].reshape(-1, 14))


def gaussians_of(rows: Floats) -> Gaussians:
    """Return rows in the order of a 3DGS .ply as Gaussians with unit rotations."""
    turns = rows[:, 10:14] / np.linalg.norm(rows[:, 10:14], axis=1, keepdims=True)
    return Gaussians(rows[:, :3], rows[:, 3:6], rows[:, 6], rows[:, 7:10], turns)


def read(folder: Path, files: Mapping[str, tuple[str, bytes]]) -> dict[str, Read]:
    """Have Node read files, name -> (reader, bytes); ``folder`` is empty and stays."""
    for name, (_, data) in files.items():
        (folder / name).write_bytes(data)
    jobs = [{"file": name, "reader": reader} for name, (reader, _) in files.items()]
    (folder / "jobs.json").write_text(json.dumps(jobs))
    done = subprocess.run(
        ["node", READERS / "read.mjs", folder], check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return {
        name: Read(
            report=report,
            arrays={
                array.name[len(name) + 1 : -len(".f32")]: np.fromfile(array, "<f4")
                for array in folder.glob(f"{name}.*.f32")
            },
            path=folder / name,
        )
        for name, report in json.loads((folder / "reports.json").read_text()).items()
    }


class Tolerance(NamedTuple):
    """The largest allowed difference between read and written values."""

    millimetres: float
    color: float  # of 1
    opacity: float  # of 1
    scale: float  # relative
    turn: float  # radians


def tolerances() -> dict[str, Tolerance]:
    """Read the tolerances from the table in docs/formats.md, so that there is only one."""
    _, _, table = DOCS.read_text().partition("## What a round trip changes\n")
    rows = re.findall(r"^\| `(\w+)` \|((?: [\d.e-]+ \|){5})", table, re.MULTILINE)
    return {name: Tolerance(*map(float, numbers.split("|")[:5])) for name, numbers in rows}


def compare(found: Gaussians, wanted: Gaussians, within: Tolerance, *, unit: float = 1.0) -> None:
    """Compare all fields of the Gaussians. ``unit`` is the number of units of ``wanted`` in a metre."""
    found, reach = matched(found, wanted), within.millimetres / 1000 * unit
    assert np.abs(found.positions - wanted.positions).max() <= reach
    for end in (np.min, np.max):
        assert np.abs(end(found.positions, axis=0) - end(wanted.positions, axis=0)).max() <= reach
    assert np.abs(found.colors - wanted.colors).max() <= within.color
    assert np.abs(found.opacities - wanted.opacities).max() <= within.opacity
    assert np.abs(found.log_scales - wanted.log_scales).max() <= np.log1p(within.scale)
    assert apart(found.quaternions, wanted.quaternions).max() <= within.turn


def matched(found: Gaussians, wanted: Gaussians) -> Gaussians:
    """Return ``found`` in the order of ``wanted``, since formats may sort. Matches must be distinct."""
    from scipy.spatial import cKDTree  # noqa: PLC0415

    _, order = cKDTree(found.positions).query(wanted.positions)
    assert len(set(order.tolist())) == wanted.size == found.size
    return found.part(order)


def apart(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the angle between two rotations of an ellipsoid, modulo half turns about its axes."""
    left, right = (
        each / np.linalg.norm(each, axis=1, keepdims=True) for each in map(np.float64, (left, right))
    )
    w, x, y, z = right.T
    same = np.array([[w, x, y, z], [-x, w, z, -y], [-y, -z, w, x], [-z, y, -x, w]])
    alike = np.abs(np.einsum("ni,kin->kn", left, same)).max(axis=0)
    return 2 * np.arccos(np.clip(alike, 0, 1))
