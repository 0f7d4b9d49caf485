r"""Reads a form part's field name and file name as the many clients write them.

| client | how it writes `Zürich.jpg` |
|---|---|
| browsers, curl, Go, okhttp, urllib3 2 | `filename="Zürich.jpg"` in UTF-8; `%22` or `\"` for `"` |
| urllib3 1.x | `filename*=utf-8''Z%C3%BCrich.jpg` alone |
| Apache HttpClient 5 | `filename="Z?rich.jpg"; filename*=UTF-8''Z%C3%BCrich.jpg` |
| .NET HttpClient | `filename="=?utf-8?B?...?="; filename*=utf-8''...`, unquoted names |
| older Java and PHP | `filename="Zürich.jpg"` in Latin-1 |
| Python's email package | `filename*0*=utf-8''Z%C3%BC; filename*1*=rich.jpg` |
"""

from __future__ import annotations

import codecs
import re
from email.errors import HeaderParseError
from email.header import decode_header
from typing import Final
from urllib.parse import unquote_to_bytes

LATIN: Final = "latin-1"
"""The charset in which the parser must read headers, so that no byte is lost."""
_PARAMETER: Final = re.compile(
    r""";\s*(?P<name>[A-Za-z0-9_-]+)(?P<part>\*\d{1,2})?(?P<star>\*)?\s*=\s*"""
    r"""(?P<value>"(?:[^"\\]|\\.)*"|[^;]*)"""
)
_ENCODED_WORD: Final = re.compile(r"=\?[^?\s]+\?[bBqQ]\?[^?]*\?=")
_CHARSETS: Final = frozenset({"utf-8", "iso8859-1", "iso8859-15", "cp1252", "ascii", "shift_jis", "gb18030"})
"""Canonical names; others are ignored, because Python's codecs include some that expand."""


def names(disposition: str) -> tuple[str, str | None]:
    """Return field name and file name of a Content-Disposition that was read as `LATIN`."""
    found: dict[str, str] = {}
    pieces: dict[str, list[tuple[int, str, bool]]] = {}
    for match in _PARAMETER.finditer(disposition):
        name, starred = match["name"].lower(), match["star"] is not None
        if match["part"]:
            pieces.setdefault(name, []).append((int(match["part"][1:]), match["value"], starred))
        elif starred:
            text = _extended(_unquoted(match["value"]))
            if text is not None:
                found[f"{name}*"] = text
        else:
            found.setdefault(name, _plain(match["value"]))
    for name, parts in pieces.items():
        text = _joined(parts)
        if text is not None:
            found.setdefault(f"{name}*", text)
    return found.get("name*", found.get("name", "")), found.get("filename*", found.get("filename"))


def text_of(raw: bytes, content_type: str | None) -> str:
    """Return a text field: UTF-8, else in the charset that the part declares. `UnicodeDecodeError`."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        declared = re.search(r"charset\s*=\s*\"?([A-Za-z0-9._-]+)", content_type or "", re.IGNORECASE)
        charset = _known(declared[1]) if declared else None
        if charset is None:
            raise
        return raw.decode(charset)


def _plain(value: str) -> str:
    """Return a value as browsers write it, or in RFC 2047 as .NET does."""
    text = _bytes_as_text(_unquoted(value).encode(LATIN))
    for mark, meaning in (("%22", '"'), ("%0D", "\r"), ("%0A", "\n")):
        text = text.replace(mark, meaning)
    return _rfc2047(text) if _ENCODED_WORD.search(text) else text


def _unquoted(value: str) -> str:
    """Return the content of a quoted string; a backslash escapes a quotation mark or itself."""
    value = value.strip()
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1]
        if not re.match(r"[A-Za-z]:\\|\\\\", value):  # a whole Windows path, as old browsers send it
            value = re.sub(r'\\(["\\])', r"\1", value)
    return value


def _extended(value: str) -> str | None:
    """Return an RFC 5987 value, ``charset'language'percent-encoded``; None where it is not one."""
    charset, language, encoded = [*value.split("'", 2), "", ""][:3]
    known = _known(charset)
    if known is None or not (encoded or language):
        return None
    try:
        return unquote_to_bytes(encoded).decode(known)
    except UnicodeDecodeError:
        return None


def _joined(parts: list[tuple[int, str, bool]]) -> str | None:
    """Return an RFC 2231 value that came in numbered parts."""
    parts.sort()
    _, first, extended = parts[0]
    if not extended:
        return _bytes_as_text("".join(_unquoted(value) for _, value, _ in parts).encode(LATIN))
    rest = [value if starred else _escaped(_unquoted(value)) for _, value, starred in parts[1:]]
    return _extended(first + "".join(rest))


def _escaped(text: str) -> str:
    return text.replace("%", "%25")


def _rfc2047(text: str) -> str:
    try:
        words = [
            part if isinstance(part, str) else part.decode(_known(charset or "ascii") or LATIN, "replace")
            for part, charset in decode_header(text)
        ]
    except (HeaderParseError, ValueError):
        return text
    return "".join(words)


def _bytes_as_text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode(LATIN)


def _known(charset: str) -> str | None:
    try:
        name = codecs.lookup(charset.strip()).name
    except (LookupError, ValueError):
        return None
    return name if name in _CHARSETS else None
