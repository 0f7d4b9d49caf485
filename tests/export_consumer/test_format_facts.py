"""The committed catalogue of formats is the one that the format modules declare."""

from __future__ import annotations

import jsonschema
import msgspec
import pytest

from bus.contract import options
from bus.contract.format_catalogue import FACTS, Facts, options_schema
from bus.contract.formats import FORMATS
from export_consumer import catalogue
from export_consumer.formats import MADE, Format

REGENERATE = "run: python -m export_consumer.catalogue"


@pytest.fixture(scope="module")
def declared() -> dict[str, Format]:
    return catalogue.declared()


def test_the_catalogue_is_what_the_modules_declare(declared: dict[str, Format]) -> None:
    assert catalogue.JSON.read_bytes() == catalogue.as_json(declared), REGENERATE


def test_the_table_for_readers_is_what_the_modules_declare(declared: dict[str, Format]) -> None:
    text = catalogue.DOCS.read_text()
    assert text == catalogue.as_docs(declared, text), REGENERATE
    assert all(f"\n| `{name}` | " in text for name in declared)


def test_every_module_is_in_the_catalogue(declared: dict[str, Format]) -> None:
    assert sorted(MADE) == sorted(FACTS), REGENERATE
    assert list(FORMATS) == list(declared), REGENERATE
    ranks = [each.rank for each in declared.values()]
    assert len(set(ranks)) == len(ranks)


@pytest.mark.parametrize(
    "broken",
    [
        {"extension": "ply"},
        {"media_type": "a ply"},
        {"kind": "song"},
        {"colour": "sRGB"},
        {"options": [{"name": "size", "about": "Pixels.", "default": 1}]},
        {"options": [{"name": "size", "about": "Pixels.", "default": 1, "most": 9, "words": ["1"]}]},
    ],
)
def test_a_catalogue_of_another_shape_stops_the_import(broken: dict[str, object]) -> None:
    sound = msgspec.to_builtins(FACTS["ply"])
    assert msgspec.convert(sound, Facts) == FACTS["ply"]
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(sound | broken, Facts)


@pytest.mark.parametrize("name", FORMATS)
def test_the_schema_takes_what_the_options_take(name: str) -> None:
    schema = options_schema(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    checker = jsonschema.Draft202012Validator(schema)
    defaults = {key: value for key, value in options.read(name, {}).items() if value is not None}
    tried = [{}, defaults, {"no_such": 1}]
    for option in options.OPTIONS[name]:
        values = [*option.words, "nonsense"] if option.words else [option.least, option.most, option.most + 1]
        tried += [{option.name: value} for value in [*values, True]]
    for given in tried:
        try:
            options.read(name, given)
        except options.OptionsError:
            assert not checker.is_valid(given), given
        else:
            assert checker.is_valid(given), given
