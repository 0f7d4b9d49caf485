"""The check of an export's options against the names, ranges and defaults that its format declares.

The gateway checks them, so that a caller hears of a mistake at once, and the export consumer checks them
again, because its input may come from elsewhere. The effect of an option is the consumer's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from bus.contract.format_catalogue import FACTS, Option, Value
from bus.runtime.errors import PermanentError

Options: TypeAlias = Mapping[str, Value]


class OptionsError(PermanentError):
    """An option that the format does not have, or a value out of its range; the message says what is."""

    code = "options_invalid"


OPTIONS: Final[Mapping[str, tuple[Option, ...]]] = {name: facts.options for name, facts in FACTS.items()}
"""Format -> its options."""


def read(name: str, given: Options) -> dict[str, Value | None]:
    """Return every option of the format, the defaults filled in. Raises `OptionsError`.

    ``name`` is one of `bus.contract.formats.FORMATS`.
    """
    known = {option.name: option for option in OPTIONS[name]}
    for each in given:
        if each not in known:
            raise OptionsError(f"{name} has no option {each}; it has: {', '.join(known)}.", option=each)
    return {
        key: _value(option, given[key]) if key in given else option.default for key, option in known.items()
    }


def without_defaults(name: str, given: Options) -> dict[str, Value]:
    """Return the options that change something: those that differ from their defaults.

    Two requests that mean the same file are then the same export. ``given`` is valid, see `read`.
    """
    defaults = {option.name: option.default for option in OPTIONS[name]}
    return {key: value for key, value in given.items() if value != defaults[key]}


def _value(option: Option, value: Value) -> Value:
    """Return the value in the option's own type. Raises `OptionsError`."""
    if option.words:
        if value not in option.words:
            raise OptionsError(f"{option.name} is one of: {', '.join(option.words)}.", option=option.name)
        return value
    if isinstance(value, bool | str) or not option.least <= value <= option.most or _broken(option, value):
        kind = "a whole number" if option.whole else "a number"
        raise OptionsError(
            f"{option.name} is {kind} from {option.least:g} to {option.most:g}.", option=option.name
        )
    return int(value) if option.whole else float(value)


def _broken(option: Option, value: float) -> bool:
    return option.whole and value != int(value)
