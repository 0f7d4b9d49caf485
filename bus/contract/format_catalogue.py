"""The catalogue of export formats: what each makes, for whom, and which options it takes.

``formats.json`` holds it, generated from the export consumer's format modules, which declare it: the gateway
imports none of them. ``python -m export_consumer.catalogue`` writes the file; a file that does not have this
shape stops the import.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from importlib.resources import files
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta, Struct

Value: TypeAlias = str | int | float | bool
Number: TypeAlias = int | float


class Kind(StrEnum):
    """The kinds of file that a format makes."""

    SPLAT = "splat"
    MESH = "mesh"
    PICTURE = "picture"
    VIDEO = "video"
    PAGE = "page"


class Option(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One option: a number from ``least`` to ``most``, or one of ``words``."""

    name: Annotated[str, Meta(pattern=r"^[a-z]+(_[a-z]+)*$")]
    about: str
    default: Value | None
    least: Number = 0
    most: Number = 0
    whole: bool = False
    words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise `ValueError` for an option that no value could fit, or both a number and a word."""
        if bool(self.words) == (self.least < self.most):
            raise ValueError(f"{self.name} needs either words or a least that is below its most.")


class Facts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One format.

    ``extension`` is the file's, with its dot; ``description`` says who reads it and what is lost.
    """

    kind: Kind
    media_type: Annotated[str, Meta(pattern=r"^[a-z]+/[a-z0-9.+-]+$")]
    extension: Annotated[str, Meta(pattern=r"^\.[a-z0-9]+$")]
    title: str
    description: str
    options: tuple[Option, ...]


FACTS: Final[Mapping[str, Facts]] = msgspec.json.decode(
    files("bus.contract").joinpath("formats.json").read_bytes(), type=dict[str, Facts]
)
"""Format -> its facts, in the order in which callers see them."""


def options_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema of the options that a format takes; ``name`` is one of `FACTS`."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {option.name: _schema(option) for option in FACTS[name].options},
    }


def _schema(option: Option) -> dict[str, Any]:
    stated: dict[str, Any] = {"description": option.about}
    if option.words:
        stated |= {"type": "string", "enum": list(option.words)}
    else:
        least, most = (int(x) if option.whole else x for x in (option.least, option.most))
        stated |= {"type": "integer" if option.whole else "number", "minimum": least, "maximum": most}
    return stated if option.default is None else stated | {"default": option.default}
