"""What is said of the formats is what the converters do."""

from __future__ import annotations

import jsonschema
import pytest

from bus.contract import options
from bus.contract.format_catalogue import FACTS, options_schema
from bus.contract.formats import FORMATS
from export_consumer.formats import load


def test_every_format_has_its_facts() -> None:
    assert sorted(FACTS) == sorted(FORMATS)
    for name, facts in FACTS.items():
        made = load(name)
        assert (facts.media_type, facts.extension) == (made.media_type, made.suffix), name


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
