"""Makes the library of meshes and photographs that the worlds use: `python -m training.library`.

Read from Debian's package `sweethome3d-furniture`: libraries (.sh3f) of furniture, tools, plants and people,
all CC0 or CC-BY, with the photographs that texture them. Other libraries in the folder are left alone, for
the weights go out under Apache-2.0.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import sys
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from training.worlds.library import FOLDER, MESHES, PHOTOGRAPHS

Array = np.ndarray[Any, Any]

CATALOGUE: Final = "PluginFurnitureCatalog.properties"
INSTALLED: Final = Path("/usr/share/sweethome3d/furniture")
LICENSED: Final = {
    "BlendSwap-CC-0.sh3f": "CC0",
    "BlendSwap-CC-BY.sh3f": "CC-BY-3.0, contributors of BlendSwap, named in each model's folder",
    "KatorLegaz.sh3f": "CC-BY-3.0, Andrew Kator and Jennifer Legaz",
    "Reallusion.sh3f": "CC-BY-3.0, Reallusion",
    "Scopia.sh3f": "CC-BY-3.0, Scopia Visual Interfaces Systems",
}
"""Libraries that are used, with their licence."""
MOST_FACES: Final = 9000
LEAST_FACES: Final = 12
SIDE: Final = 512
"""Pixels of the longer side of a photograph in the library, at most..."""
LEAST_SIDE: Final = 128
"""...and of its shorter side, at least."""


def properties(text: str) -> dict[int, dict[str, str]]:
    """Return the entries of a catalogue by number: each line is ``key#number=value``."""
    found: dict[int, dict[str, str]] = {}
    text = re.sub(r"\\\r?\n\s*", "", text)
    for line in text.splitlines():
        match = re.match(r"\s*([A-Za-z]+)#(\d+)\s*=\s*(.*)", line)
        if match:
            found.setdefault(int(match[2]), {})[match[1]] = match[3].strip()
    return found


def colours_of(text: str) -> dict[str, Array]:
    """Return the diffuse colours (3), linear, of a material file."""
    found: dict[str, Array] = {}
    name = ""
    for line in text.splitlines():
        parts = line.split()
        if len(parts) > 1 and parts[0] == "newmtl":
            name = parts[1]
            found[name] = np.full(3, 0.5)
        elif len(parts) > 3 and parts[0] == "Kd":
            found[name] = np.clip(np.array([float(p) for p in parts[1:4]]), 0, 1) ** 2.2
    return found


def triangles(text: str) -> tuple[Array, list[str]]:
    """Return the triangles (F, 3, 3) of a Wavefront model and the material of each."""
    points: list[list[float]] = []
    faces: list[tuple[int, int, int]] = []
    names: list[str] = []
    material = ""
    for line in text.splitlines():
        if line.startswith("v "):
            points.append([float(part) for part in line.split()[1:4]])
        elif line.startswith("f "):
            corner = [int(part.split("/", 1)[0]) for part in line.split()[1:]]
            corner = [c - 1 if c > 0 else len(points) + c for c in corner]
            for k in range(1, len(corner) - 1):
                faces.append((corner[0], corner[k], corner[k + 1]))
                names.append(material)
        elif line.startswith("usemtl"):
            material = line.split(maxsplit=1)[1].strip() if " " in line else ""
    if not faces:
        return np.zeros((0, 3, 3)), []
    return np.array(points)[np.array(faces)], names


def fitted(corners: Array, entry: dict[str, str]) -> Array:
    """Return triangles turned as the catalogue says, in its size in metres, standing around the origin."""
    rotation = [float(value) for value in entry.get("modelRotation", "1 0 0 0 1 0 0 0 1").split()]
    turned = corners @ np.array(rotation).reshape(3, 3).T
    low, high = turned.reshape(-1, 3).min(0), turned.reshape(-1, 3).max(0)
    size = np.array([float(entry[key]) / 100 for key in ("width", "height", "depth")])
    unit = (turned - (low + high) / 2) / np.maximum(high - low, 1e-9)
    # Sweet Home 3D's fronts face +z.
    placed = unit * size * (1, 1, -1) + (0, size[1] / 2, 0)
    return np.asarray(placed[:, ::-1])


def things(archive: zipfile.ZipFile) -> list[tuple[str, Array, Array, Array, Array]]:
    """Return name, size, triangles, groups and colours of the movable things of a library."""
    names = set(archive.namelist())
    found = []
    for entry in properties(archive.read(CATALOGUE).decode("latin-1")).values():
        model = entry.get("model", "").lstrip("/")
        if entry.get("doorOrWindow") == "true" or not model.endswith(".obj") or model not in names:
            continue
        content = archive.read(model)
        if len(content) > 2_500_000:
            continue
        corners, used = triangles(content.decode("latin-1"))
        if not LEAST_FACES <= len(corners) <= MOST_FACES:
            continue
        folder = model.rpartition("/")[0]
        library = re.findall(r"^mtllib\s+(.+?)\s*$", content.decode("latin-1"), re.MULTILINE)
        colours: dict[str, Array] = {}
        for name in library:
            path = f"{folder}/{name}".lstrip("/")
            if path in names:
                colours |= colours_of(archive.read(path).decode("latin-1"))
        groups = sorted(set(used))
        number = {name: k for k, name in enumerate(groups)}
        placed = fitted(corners, entry)
        size = placed.reshape(-1, 3).max(0) - placed.reshape(-1, 3).min(0)
        if size.max() > 4 or size.max() < 0.02:
            continue
        found.append(
            (
                model,
                size,
                placed.astype(np.float32),
                np.array([number[name] for name in used], np.int16),
                np.array([colours.get(name, np.full(3, 0.4)) for name in groups], np.float32),
            )
        )
    return found


def photograph(content: bytes) -> Array | None:
    """Return a picture in the library's size, uint8; None for a small one or one without any texture."""
    with Image.open(io.BytesIO(content)) as image:
        picture = image.convert("RGB")
    if min(picture.size) < LEAST_SIDE:
        return None
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    pixels = np.asarray(picture)
    return pixels if pixels.std((0, 1)).max() > 6 else None


def photographs(archive: zipfile.ZipFile) -> dict[str, Array]:
    """Return the photographs of a library by their path."""
    found = {}
    for name in archive.namelist():
        if name.lower().endswith((".jpg", ".jpeg")):
            picture = photograph(archive.read(name))
            if picture is not None:
                found[name.replace("/", ":")] = picture
    return found


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, gather, write."""
    parser = argparse.ArgumentParser(prog="python -m training.library", description=__doc__)
    parser.add_argument(
        "--from", dest="folder", type=Path, default=INSTALLED, help="folder with the .sh3f files"
    )
    parser.add_argument("--to", type=Path, default=FOLDER)
    chosen = parser.parse_args(arguments)
    chosen.to.mkdir(parents=True, exist_ok=True)
    found: list[Any] = []
    pictures: dict[str, Array] = {}
    for name in LICENSED:
        if (chosen.folder / name).exists():
            with zipfile.ZipFile(chosen.folder / name) as archive:
                found += things(archive)
                pictures |= photographs(archive)
    if not found:
        parser.error(f"no library in {chosen.folder}: install Debian's package sweethome3d-furniture")
    facts: dict[str, Any] = {"things": len(found), "triangles": sum(len(one[2]) for one in found)}
    np.savez(
        chosen.to / MESHES,
        names=np.array([one[0] for one in found]),
        sizes=np.array([one[1] for one in found]),
        first=np.cumsum([0, *(len(one[2]) for one in found)]),
        corners=np.concatenate([one[2] for one in found]),
        group=np.concatenate([one[3] for one in found]),
        colours=np.concatenate([one[4] for one in found]),
        first_colour=np.cumsum([0, *(len(one[4]) for one in found)]),
    )
    np.savez(chosen.to / PHOTOGRAPHS, **pictures)  # type: ignore[arg-type]
    facts["photographs"] = len(pictures)
    sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main()
