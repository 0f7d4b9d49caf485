"""Checks whether one version of a message may follow another, for old readers as for new ones.

The log is kept for ever and partners update at any time, so compatibility must hold both ways. The only
change allowed is a new optional property. Every other change needs a new type with the next number.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

SAID = {"description", "title", "examples", "default", "$schema", "$id"}
"""Documentation, which may change."""


def breaks(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return the breaking changes from ``old`` to ``new``, which are whole JSON Schemas of one message."""
    return list(_compare("", old, new, old, new))


def _resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return root["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema


def _compare(
    path: str, old: dict[str, Any], new: dict[str, Any], old_root: dict[str, Any], new_root: dict[str, Any]
) -> Iterator[str]:
    old, new = _resolved(old, old_root), _resolved(new, new_root)
    here = path or "the message"
    for word in sorted(
        (old.keys() | new.keys()) - SAID - {"properties", "required", "$defs", "anyOf", "items"}
    ):
        if old.get(word) != new.get(word):
            yield f"{here}: {word} was {old.get(word)!r} and is {new.get(word)!r}"
    if "items" in old or "items" in new:
        yield from _compare(f"{path}[]", old.get("items", {}), new.get("items", {}), old_root, new_root)
    choices = old.get("anyOf", []), new.get("anyOf", [])
    if len(choices[0]) != len(choices[1]):
        yield f"{here}: had {len(choices[0])} forms and has {len(choices[1])}"
    else:
        for before, after in zip(*choices, strict=True):
            yield from _compare(path, before, after, old_root, new_root)
    yield from _properties(path, old, new, old_root, new_root)


def _properties(
    path: str, old: dict[str, Any], new: dict[str, Any], old_root: dict[str, Any], new_root: dict[str, Any]
) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    had, has = set(old.get("required", [])), set(new.get("required", []))
    for name in sorted(before.keys() - after.keys()):
        yield f"{path}.{name} is gone"
    for name in sorted(has - had):
        yield f"{path}.{name} is required now; what was written before may not have it"
    for name in sorted((had - has) & after.keys()):
        yield f"{path}.{name} is optional now; old readers need it"
    for name in sorted(before.keys() & after.keys()):
        yield from _compare(f"{path}.{name}", before[name], after[name], old_root, new_root)
