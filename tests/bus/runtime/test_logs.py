from __future__ import annotations

import gc
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from bus.runtime import logs


@pytest.fixture(autouse=True)
def configured() -> Iterator[None]:
    """Restore the logging configuration for the other tests."""
    # Garbage of earlier tests may log when it is collected: aiokafka leaves failed futures unretrieved.
    gc.collect()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_line_is_one_json_object_with_role_level_and_time(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("ledger")
    structlog.get_logger("x").info("batch_projected", records=3, text="two\nlines")
    (line,) = lines(capsys)
    assert line.pop("timestamp")
    assert line == {
        "event": "batch_projected",
        "records": 3,
        "text": "two\nlines",
        "role": "ledger",
        "level": "info",
        "logger": "x",
    }


@pytest.mark.parametrize("key", sorted(logs.SECRET_KEYS))
def test_secrets_are_masked(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("gateway")
    structlog.get_logger().warning("sign_in", **{key: "hunter2"})
    assert lines(capsys)[0][key] == "***"


def test_standard_library_logging_is_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("relay")
    try:
        int("broken")
    except ValueError:
        logging.getLogger("other").exception("it %s", "failed")
    (line,) = lines(capsys)
    assert (line["event"], line["level"], line["role"]) == ("it failed", "error", "relay")
    assert "ValueError: invalid literal" in str(line["exception"])


def test_the_level_applies_and_noisy_libraries_are_silenced(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("export", "DEBUG")
    logging.getLogger("mine").debug("seen")
    logging.getLogger("aiokafka").info("unseen")
    assert [line["event"] for line in lines(capsys)] == ["seen"]


def test_at_critical_nothing_less_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("export", "CRITICAL")
    structlog.get_logger("mine").error("unseen")
    logging.getLogger("aiokafka").error("unseen")
    structlog.get_logger("mine").critical("seen")
    assert [(line["event"], line["level"]) for line in lines(capsys)] == [("seen", "critical")]


def test_context_variables_are_on_each_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("gateway")
    with structlog.contextvars.bound_contextvars(generation_id="g1"):
        structlog.get_logger().info("inside")
    structlog.get_logger().info("outside")
    assert [line.get("generation_id") for line in lines(capsys)] == ["g1", None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Key (lower(email))=(ada.l+x@mail.example.com) already exists",
            "Key (lower(email))=(***) already exists",
        ),
        ("cannot reach postgresql://ada:pa$$w0rd@db:5432/x", "cannot reach postgresql://***@db:5432/x"),
        ("GET https://ada:pw@host.example/p.jpg failed", "GET https://***@host.example/p.jpg failed"),
        (
            "PUT http://s3:1/b/k?X-Amz-Signature=00ff&X-Amz-Date=1 failed",
            "PUT http://s3:1/b/k?*** failed",
        ),
        ("key ss_abcd1234_" + "x" * 43 + " unknown", "key *** unknown"),
        ("secret whsec_" + "QUJD" * 8, "secret ***"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx.c2lnbmF0dXJl!", "token ***!"),
        ("Authorization: Bearer abcdefgh.12345678", "Authorization: Bearer ***"),
        ("http://127.0.0.1:9092/path is away?", "http://127.0.0.1:9092/path is away?"),
        ("class_name @ 12", "class_name @ 12"),
    ],
)
def test_likely_secrets_are_redacted_everywhere(
    text: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("gateway")
    structlog.get_logger().warning("failed", error=text, nested={"deep": [text]}, object=Exception(text))
    logging.getLogger("library").error("%s", text, exc_info=RuntimeError(text))
    found = lines(capsys)
    assert len(found) == 2, found
    first, second = found
    assert (first["error"], first["nested"]) == (expected, {"deep": [expected]})
    assert (first["object"], second["event"]) == (expected, expected)
    assert str(second["exception"]).splitlines()[-1] == f"RuntimeError: {expected}"
