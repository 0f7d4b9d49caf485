"""A photo's name as each client writes it (table in `gateway.scenes.part_names`).

| class | members | source |
|---|---|---|
| names are read as browsers send them only | RFC 5987, 2047, 2231, Latin-1, unquoted | dotnet/corefx#22806 |
"""

from __future__ import annotations

import pytest

from gateway.scenes.part_names import names, text_of

ZURICH = "Z\u00fcrich.jpg"
UTF8 = ZURICH.encode().decode("latin-1")
NAMES = {
    "browsers": (f'form-data; name="image"; filename="{UTF8}"', ZURICH),
    "a quotation mark, browsers": ('form-data; name="image"; filename="a%22b.jpg"', 'a"b.jpg'),
    "a quotation mark, Go": ('form-data; name="image"; filename="a\\"b.jpg"', 'a"b.jpg'),
    "a percent sign": ('form-data; name="image"; filename="100%.jpg"', "100%.jpg"),
    "a semicolon": ('form-data; name="image"; filename="a;b=c.jpg"', "a;b=c.jpg"),
    "a backslash, Go": ('form-data; name="image"; filename="a\\\\b.jpg"', "a\\b.jpg"),
    "a Windows path": ('form-data; name="image"; filename="C:\\photos\\a.jpg"', "C:\\photos\\a.jpg"),
    "urllib3 1": ("form-data; name=\"image\"; filename*=utf-8''Z%C3%BCrich.jpg", ZURICH),
    "Apache": ("form-data; name=image; filename=\"Z?rich.jpg\"; filename*=UTF-8''Z%C3%BCrich.jpg", ZURICH),
    "star first": ("form-data; name=\"image\"; filename*=UTF-8'de'Z%C3%BCrich.jpg; filename=\"x\"", ZURICH),
    "star quoted": ("form-data; name=\"image\"; filename*=\"utf-8''Z%C3%BCrich.jpg\"", ZURICH),
    "star in Latin-1": ("form-data; name=\"image\"; filename*=iso-8859-1''Z%FCrich.jpg", ZURICH),
    ".NET": (
        "form-data; name=image; filename=\"=?utf-8?B?WsO8cmljaC5qcGc=?=\"; filename*=utf-8''Z%C3%BCrich.jpg",
        ZURICH,
    ),
    ".NET without a star": ('form-data; name=image; filename="=?utf-8?B?WsO8cmljaC5qcGc=?="', ZURICH),
    "RFC 2047, quoted printable": ('form-data; name="image"; filename="=?UTF-8?Q?Z=C3=BCrich.jpg?="', ZURICH),
    "RFC 2047, two words": (
        'form-data; name="image"; filename="=?UTF-8?Q?Z=C3=BC?= =?UTF-8?Q?rich.jpg?="', ZURICH,
    ),
    "RFC 2047, Latin-1": ('form-data; name="image"; filename="=?iso-8859-1?Q?Z=FCrich.jpg?="', ZURICH),
    "Latin-1": ('form-data; name="image"; filename="Z\xfcrich.jpg"', ZURICH),
    "RFC 2231": ("form-data; name=\"image\"; filename*0*=utf-8''Z%C3%BC; filename*1=rich.jpg", ZURICH),
    "RFC 2231, plain": ('form-data; name="image"; filename*1="ich.jpg"; filename*0="Zur"', "Zurich.jpg"),
    "unquoted": ("form-data; name=image; filename=photo.jpg", "photo.jpg"),
    "unquoted with a space": ("form-data; name=image; filename=my photo.jpg", "my photo.jpg"),
    "spaces and capitals": ('form-data ; Name = "image" ; FileName = "a.jpg"', "a.jpg"),
    "none": ('form-data; name="image"', None),
    "empty": ('form-data; name="image"; filename=""', ""),
    "an unknown charset": ("form-data; name=\"image\"; filename=\"a.jpg\"; filename*=utf-9''b", "a.jpg"),
    "a charset that expands": ("form-data; name=\"image\"; filename=\"a\"; filename*=bz2''b", "a"),
    "wrong bytes": ("form-data; name=\"image\"; filename=\"a.jpg\"; filename*=utf-8''%FF", "a.jpg"),
    "no words at all": ('form-data; name="image"; filename="=?x?y?z?="', "=?x?y?z?="),
    "never ended": ('form-data; name="image"; filename="a.jpg', '"a.jpg'),
}  # fmt: skip


@pytest.mark.parametrize("client", NAMES)
def test_the_name_of_a_photo(client) -> None:
    disposition, filename = NAMES[client]
    assert names(disposition) == ("image", filename)


def test_hostile_values_take_no_time() -> None:
    for text in ("=?" * 20_000, '"' * 40_000, "\\" * 40_000, "; filename*0=" * 3_000, "%22" * 10_000):
        names(f"form-data; name=image; filename={text}")


TEXTS = [
    ("é".encode(), None, "é"),
    (b"\xe9", "text/plain; charset=ISO-8859-1", "é"),
    (b"\xe9", 'text/plain; charset="windows-1252"', "é"),
    ("é".encode(), "text/plain; charset=ISO-8859-1", "é"),
]


@pytest.mark.parametrize(("raw", "kind", "text"), TEXTS)
def test_a_text_field_in_another_charset(raw, kind, text) -> None:
    assert text_of(raw, kind) == text


@pytest.mark.parametrize("kind", [None, "text/plain", "text/plain; charset=utf-8", "text/plain; charset=zip"])
def test_a_text_field_that_is_no_text(kind) -> None:
    with pytest.raises(UnicodeDecodeError):
        text_of(b"\xe9", kind)
