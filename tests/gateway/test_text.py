"""Text in one normal form, without what hides or turns it, cut where a reader would cut it.

| class | members | source |
|---|---|---|
| one word in two forms | NFD of Latin, Hangul and kana, Angstrom sign | macOS sends names decomposed |
| a text looks like another | overrides, isolates, marks, BOM, tags, NUL | Unicode's format characters |
| a letter is cut in half | marks, families, flags, skin tones, conjuncts, Jamo | limits of code points |
| a letter is lost | joiners of Persian and Hindi, emoji newer than this Python | removing all of category C |
"""

from __future__ import annotations

import unicodedata

import pytest

from gateway.text import clean, cut

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


@pytest.mark.parametrize("word", ["Café", "Zürich", "학점인정", "が", "\u212b", "Ngôn ngữ"])
def test_every_form_of_a_word_becomes_one(word) -> None:
    assert {clean(unicodedata.normalize(form, word)) for form in ("NFC", "NFD")} == {
        unicodedata.normalize("NFC", word)
    }


@pytest.mark.parametrize(
    "kept",
    [FAMILY, ENGLAND, "\u0645\u06cc\u200c\u062e", "\u0915\u094d\u200d\u0937", "\u2764\ufe0f", "\U0001fae8",
     "\U0001f44d\U0001f3fd", "\u4e2d\u6587 \u30c6"],
)  # fmt: skip
def test_what_a_reader_sees_is_kept(kept) -> None:
    assert clean(kept) == kept


@pytest.mark.parametrize(
    "hidden",
    ["\u202e", "\u2066", "\u2069", "\u200e", "\u200f", "\u061c", "\ufeff", "\0", "\x1b", "\x7f", "\u200b",
     "\u00ad", "\ud800", "\ue000", "\ufffe", "\ufdd0", "\U000e0041", "\U000e007f"],
)  # fmt: skip
def test_what_hides_or_turns_text_is_removed(hidden) -> None:
    assert clean(f"a{hidden}b") == "ab"
    assert clean(hidden) == ""


def test_one_line_without_margins() -> None:
    assert clean("  a\r\n\tb\u2028c\u00a0d  ") == "ab c d"
    assert clean("\u200d\u200c") == ""


@pytest.mark.parametrize(
    "whole",
    ["e\u0323\u0302\u0301", FAMILY, ENGLAND, "\U0001f44d\U0001f3fd", "\u2764\ufe0f", "\U0001f1e9\U0001f1ea",
     "\u1100\u1173\u11ab", "क\u094d\u200dष"],
)  # fmt: skip
def test_no_letter_is_cut_in_half(whole) -> None:
    text = "ab" + whole
    for most in range(2, len(text)):
        assert cut(text, most) in {"ab", text[:most] if "\u094d" in whole else "ab"}, most
    assert cut(text, len(text)) == text
    assert cut(whole + "x", len(whole)) == whole


def test_flags_are_cut_between_pairs_and_endless_marks_somewhere() -> None:
    flags = "\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7"
    assert [len(cut(flags, most)) for most in (1, 2, 3, 4)] == [1, 2, 2, 4]
    assert len(cut("e" + "\u0301" * 500, 120)) in {1, 120}
