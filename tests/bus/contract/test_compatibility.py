"""Message schemas stay compatible: new readers read old messages, and old readers read new ones."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

from bus.contract import asyncapi
from tests.bus.contract.compatibility import breaks

DOCS = Path(__file__).parents[3] / "docs"
RELEASED = sorted((DOCS / "contracts").glob("*.json"))


@pytest.mark.parametrize("release", RELEASED, ids=lambda path: path.stem)
def test_every_released_version_can_still_be_read(release: Path) -> None:
    now = asyncapi.schemas()
    for kind, schema in json.loads(release.read_text()).items():
        assert kind in now, f"{kind} is gone; readers of the log still meet it"
        assert breaks(schema, now[kind]) == [], f"{kind}: make it the next version of the type instead"


def test_there_is_a_released_version() -> None:
    assert RELEASED


def test_the_committed_schemas_are_up_to_date() -> None:
    committed = {path.stem: json.loads(path.read_text()) for path in (DOCS / "schemas").glob("*.json")}
    assert committed == asyncapi.schemas(), "run: .venv/bin/python -m bus.contract.asyncapi docs"


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Only(Enum):
    RED = "red"


class Inner(msgspec.Struct, kw_only=True):
    size: int


class Wider(msgspec.Struct, kw_only=True):
    size: int | str


class Old(msgspec.Struct, kw_only=True, tag="thing.done.v1"):
    name: str
    colour: Only
    inner: Inner
    limited: Annotated[int, msgspec.Meta(le=10)]
    many: list[Inner]
    note: str | None = None


def struct(**changes: Any) -> dict[str, Any]:
    """Return the schema of `Old` with changed fields; None removes a field."""
    fields = {
        field.name: (field.name, changes.pop(field.name, field.type))
        for field in msgspec.structs.fields(Old)
        if changes.get(field.name, ...) is not None
    }
    typed = [(*pair, None) if name == "note" and len(pair) == 2 else pair for name, pair in fields.items()]
    typed += [value for value in changes.values() if value is not None]
    made = msgspec.defstruct("Old", typed, kw_only=True, tag="thing.done.v1")
    return asyncapi.schema_of(made)


def test_a_new_optional_property_is_compatible() -> None:
    assert breaks(asyncapi.schema_of(Old), struct(extra=("extra", int, 0))) == []
    assert breaks(asyncapi.schema_of(Old), struct()) == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"name": None}, [".name is gone"]),
        ({"note": None}, [".note is gone"]),
        ({"name": int}, [".name: type was 'string' and is 'integer'"]),
        ({"colour": Colour}, [".colour: enum was ['red'] and is ['blue', 'red']"]),
        ({"inner": Wider}, [".inner.size: had 0 forms and has 2"]),
        ({"many": list[Wider]}, [".many[].size: had 0 forms and has 2"]),
        ({"limited": Annotated[int, msgspec.Meta(le=20)]}, [".limited: maximum was 10 and is 20"]),
        ({"extra": ("extra", int)}, [".extra is required now; what was written before may not have it"]),
    ],
)
def test_breaking_changes_are_reported(changed: dict[str, Any], expected: list[str]) -> None:
    found = breaks(asyncapi.schema_of(Old), struct(**changed))
    assert set(expected) <= set(found), found


def test_a_required_property_made_optional_is_reported() -> None:
    new = struct()
    new["required"] = [name for name in new["required"] if name != "name"]
    assert breaks(asyncapi.schema_of(Old), new) == [".name is optional now; old readers need it"]
