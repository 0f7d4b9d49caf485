"""Text of people: one normal form, shown as it was meant, cut where a reader would cut it."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_JOINERS: Final = "\u200c\u200d"
"""Between letters of Persian or Indic scripts, and within emoji: without them the text is another."""
_FLAG: Final = re.compile("\U0001f3f4[\U000e0020-\U000e007e]{1,16}\U000e007f")
"""The flags of parts of a country are the only use of tag characters; elsewhere they hide text."""
_NONCHARACTER: Final = re.compile("[\ufdd0-\ufdef]")
_MODIFIERS: Final = range(0x1F3FB, 0x1F400)
_REGIONAL: Final = range(0x1F1E6, 0x1F200)


def clean(text: str) -> str:
    """Return one line of text in NFC, without control characters and direction marks; "" where none is left.

    Direction marks make a text look like another. Joiners stay; characters that this Python does not know
    yet stay, too.
    """
    kept: list[str] = []
    position = 0
    while position < len(text):
        flag = _FLAG.match(text, position)
        if flag is not None:
            kept.append(flag[0])
            position = flag.end()
            continue
        if _shown(text[position]):
            kept.append(text[position])
        position += 1
    line = unicodedata.normalize("NFC", " ".join("".join(kept).split()))
    return line if line.strip(_JOINERS + " ") else ""


def cut(text: str, most: int) -> str:
    """Return at most ``most`` characters, without the rest of a letter or an emoji that does not fit."""
    if len(text) <= most:
        return text
    end = most
    while end > 0 and not _boundary(text, end):
        end -= 1
    return text[: end or most].rstrip()


def _shown(character: str) -> bool:
    kind = unicodedata.category(character)
    if kind == "Cn":
        return ord(character) & 0xFFFE != 0xFFFE and _NONCHARACTER.match(character) is None
    return kind[0] != "C" or character in _JOINERS


def _boundary(text: str, position: int) -> bool:
    """Return whether a reader sees the characters before and after as two (UAX 29, for NFC text)."""
    before, after = text[position - 1], text[position]
    if before == "\u200d" or after in _JOINERS or unicodedata.category(after)[0] == "M":
        return False
    number = ord(after)
    if number in _MODIFIERS or 0xE0020 <= number <= 0xE007F:
        return False
    if number in _REGIONAL and ord(before) in _REGIONAL:
        pairs = 0
        while position - 1 - pairs >= 0 and ord(text[position - 1 - pairs]) in _REGIONAL:
            pairs += 1
        return pairs % 2 == 0
    # Hangul letters that form no whole syllable: a vowel or final consonant belongs to what is before it.
    return not (0x1160 <= number <= 0x11FF and 0x1100 <= ord(before) <= 0x11FF)
