"""Uploads that are refused: each with its code, early, and without leaving anything behind."""

import pytest
from structlog.testing import capture_logs

from bus.contract.limits import MAX_PHOTO_BYTES
from gateway.scenes.upload_form import MAX_BODY_BYTES, PHOTO_FIELD
from tests.gateway.conftest import stored_photos
from tests.gateway.pictures import encoded, png_header_only

GENERATE, SCENES = "/api/v1/scenes/generate", "/api/v1/scenes"
JPEG = encoded("JPEG")
FORM = "multipart/form-data; boundary=x"


PRIORITY = b'--x\r\nContent-Disposition: form-data; name="priority"\r\n\r\n'


PHOTOS_THAT_ARE_REFUSED = [
    (b"", 422, "photo_empty"),
    (b"I am text in a file named .jpg", 415, "unsupported_media_type"),
    (encoded("JPEG", size=(256, 192))[:-2000], 422, "photo_truncated"),
    (encoded("JPEG")[:30], 422, "photo_truncated"),
    (encoded("PNG", size=(1, 1)), 422, "photo_too_small"),
    (png_header_only(20_000, 10_000), 422, "photo_too_many_pixels"),
]


async def test_photos_that_are_refused(api, key, s3_settings, assert_problem, subtests):
    for photo, status, code in PHOTOS_THAT_ARE_REFUSED:
        with subtests.test(photo=photo, status=status, code=code):
            before = await stored_photos(api, s3_settings)
            body = assert_problem(await api.generate(key, photo), status, code)
            assert len(body["message"]) > 30
            assert await api.sql("SELECT * FROM scene_generations") == []
            assert await api.sql("SELECT * FROM outbox") == []
            assert await stored_photos(api, s3_settings) == before


FIELDS_THAT_ARE_REFUSED = [
    ({"metadata": "{"}, 422, "metadata_invalid"),
    ({"metadata": "[1]"}, 422, "metadata_invalid"),
    ({"metadata": '"text"'}, 422, "metadata_invalid"),
    ({"metadata": '{"a": "\\u0000"}'}, 422, "metadata_invalid"),
    ({"metadata": '{"a": [{"\\u0000": 1}]}'}, 422, "metadata_invalid"),
    ({"metadata": "[" * 16_000}, 422, "metadata_invalid"),
    ({"metadata": '{"a": "' + "x" * 17_000 + '"}'}, 413, "metadata_too_large"),
    ({"focal_length_px": "wide"}, 422, "focal_length_invalid"),
    ({"focal_length_px": "0"}, 422, "focal_length_invalid"),
    ({"focal_length_mm": "nan"}, 422, "focal_length_invalid"),
    ({"focal_length_mm": "inf"}, 422, "focal_length_invalid"),
    ({"focal_length_mm": "-35"}, 422, "focal_length_invalid"),
    ({"focal_length_mm": "3" * 100}, 422, "focal_length_invalid"),
    ({"priority": "urgent"}, 422, "priority_invalid"),
    ({"focal_length": "35"}, 422, "field_unknown"),
]


async def test_fields_that_are_refused(api, key, assert_problem, subtests):
    for form, status, code in FIELDS_THAT_ARE_REFUSED:
        with subtests.test(form=form, status=status, code=code):
            assert_problem(await api.generate(key, JPEG, **form), status, code)


async def test_a_wrong_field_name_is_answered_with_the_right_one(api, key, assert_problem):
    answer = await api.client.post(GENERATE, headers=key, files={"photo": ("a.jpg", JPEG)})
    body = assert_problem(answer, 422, "photo_missing")
    assert f"'{PHOTO_FIELD}'" in body["message"]
    assert "'photo'" in body["message"]
    assert body["details"] == {"expected": "image", "received": ["photo"]}
    empty = await api.client.post(GENERATE, headers=key, files={}, data={"priority": "bulk"})
    assert empty.status_code == 415  # httpx sends no form without a file
    extra = [("image", ("a.jpg", JPEG)), ("other", ("b.jpg", JPEG))]
    assert_problem(await api.client.post(GENERATE, headers=key, files=extra), 422, "field_unknown")
    twice = [("image", ("a.jpg", JPEG)), ("image", ("b.jpg", JPEG))]
    assert_problem(await api.client.post(GENERATE, headers=key, files=twice), 422, "field_repeated")


BODIES_THAT_ARE_NO_FORM = [
    (JPEG, "image/jpeg", 415, "unsupported_media_type"),
    (b"{}", "application/json", 422, "source_invalid"),
    (b"{", "application/json", 400, "malformed"),
    (b"", "multipart/form-data", 415, "unsupported_media_type"),
    (b"nothing like a form", FORM, 400, "upload_malformed"),
    (
        b"--x\r\nContent-Disposition: form-data; name=image\r\n\r\nabc",
        FORM,
        400,
        "upload_malformed",
    ),
    (b"--x\r\n\r\nabc\r\n--x--\r\n", FORM, 400, "upload_malformed"),
    (PRIORITY + b"\xff\r\n--x--\r\n", FORM, 400, "upload_malformed"),
    (b"--x--\r\n", FORM, 422, "photo_missing"),
]


async def test_bodies_that_are_no_form(api, key, assert_problem, subtests):
    for content, kind, status, code in BODIES_THAT_ARE_NO_FORM:
        with subtests.test(content=content, kind=kind, status=status, code=code):
            answer = await api.client.post(GENERATE, content=content, headers=key | {"Content-Type": kind})
            assert_problem(answer, status, code)


async def test_too_many_parts(api, key, assert_problem):
    parts = [("x", (f"{n}.jpg", b"1")) for n in range(30)]
    assert_problem(await api.client.post(GENERATE, headers=key, files=parts), 400, "upload_malformed")


class Flood:
    """An upload of 60 MB that counts how much of it was read."""

    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'

    def __init__(self) -> None:
        self.sent = 0

    async def __aiter__(self):
        yield self.head
        for _ in range(60):
            self.sent += 1_000_000
            yield b"\xff" * 1_000_000
        yield b"\r\n--x--\r\n"


@pytest.mark.parametrize("announced", [True, False])
async def test_60_mb_are_refused_early(api, key, assert_problem, announced):
    flood = Flood()
    headers = key | {"Content-Type": FORM}
    if announced:
        headers["Content-Length"] = "60000000"
    answer = await api.client.post(GENERATE, headers=headers, content=flood)
    body = assert_problem(answer, 413, "photo_too_large")
    assert body["details"] == {"limit": MAX_PHOTO_BYTES}
    assert flood.sent <= (0 if announced else MAX_BODY_BYTES + 2_000_000)


async def test_a_disconnected_client_leaves_nothing_behind(api, key, s3_settings):
    before = await stored_photos(api, s3_settings)
    start = {"type": "http.request", "body": Flood.head + JPEG, "more_body": True}
    messages = iter([start, {"type": "http.disconnect"}])
    sent = []

    async def receive():
        return next(messages)

    async def send(message):
        sent.append(message)

    headers = {"host": "g", "content-type": FORM, **key}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": GENERATE, "raw_path": GENERATE.encode(), "query_string": b"", "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1), "server": ("g", 80),
    }  # fmt: skip
    with capture_logs() as logs:
        await api.app(scope, receive, send)
    assert [line["code"] for line in logs if line["event"] == "request"] == ["client_gone"]
    assert await stored_photos(api, s3_settings) == before


async def test_uploads_need_credentials(api, assert_problem):
    flood = Flood()
    answer = await api.client.post(GENERATE, content=flood, headers={"Content-Type": FORM})
    assert_problem(answer, 401, "unauthenticated")
    assert flood.sent == 0
