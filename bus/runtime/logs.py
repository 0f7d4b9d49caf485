"""Structured logs: one JSON object a line on stdout, events with key-values, never sentences or secrets.

Callers must not log secrets or personal data. As a last line of defence (a traceback may quote one), each
value is searched for them and redacted.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Any, Final

import orjson
import structlog

SECRET_KEYS: Final = frozenset(
    {
        "password",
        "secret",
        "token",
        "api_key",
        "authorization",
        "access_token",
        "refresh_token",
        "cookie",
        "email",
        "first_name",
        "last_name",
        "ip",
    }
)
"""Keys whose values are always masked."""
_SUSPECTS: Final = ("@", "?", "ss_", "whsec_", "eyJ", "earer ")
"""A text with none of these has no match of `_SECRETS`: 0.5 us instead of 20."""
_SECRETS: Final = re.compile(
    r"""
      (?P<scheme>[a-z][a-z0-9+.-]*://)[^\s"'/@]*:[^\s"'/@]*@     # credentials in an address
    | (?P<address>[a-z][a-z0-9+.-]*://[^\s"'?]*\?)[^\s"']+     # a query: signatures, tokens
    | [\w.%+-]+@[\w-]+(?:\.[\w-]+)+                                # an e-mail address
    | \bss_[a-z0-9]{8}_[\w-]{20,} | \bwhsec_[\w+/=-]{8,}             # our keys and webhook secrets
    | \beyJ[\w-]+\.[\w-]+\.[\w-]+                                   # a signed token
    | (?P<bearer>\b[Bb]earer\ )[\w.~+/=-]{8,}
    """,
    re.VERBOSE,
)


def configure(role: str, level: str = "INFO") -> None:
    """Set up structlog and the standard library's logging for this process."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _mask,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=_dumps),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("aiokafka", "kafka", "botocore", "aiobotocore", "httpx", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(role=role)


def _mask(_logger: Any, _method: str, event: Any) -> Any:
    for key in SECRET_KEYS & event.keys():
        event[key] = "***"
    return event


def _dumps(value: Any, default: Any = None, **_: Any) -> str:
    return orjson.dumps(_scrubbed(value), default=_text, option=orjson.OPT_NON_STR_KEYS).decode()


def _text(value: Any) -> str:
    return scrub(str(value))


def _scrubbed(value: Any) -> Any:
    match value:
        case str():
            return scrub(value)
        case dict():
            return {key: _scrubbed(each) for key, each in value.items()}
        case list() | tuple() | set():
            return [_scrubbed(each) for each in value]
        case _:
            return value


def scrub(text: str) -> str:
    """Return the text with apparent secrets and e-mail addresses replaced by stars."""
    if not any(suspect in text for suspect in _SUSPECTS):
        return text
    return _SECRETS.sub(_stars, text)


def _stars(found: re.Match[str]) -> str:
    kept = "".join(part or "" for part in found.group("scheme", "address", "bearer"))
    return kept + ("***@" if found["scheme"] else "***")
