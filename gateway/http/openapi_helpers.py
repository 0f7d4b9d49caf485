"""Helpers that describe in OpenAPI what Litestar cannot derive from a handler's signature."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from litestar.datastructures import ResponseHeader
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import (
    Example,
    SecurityRequirement,
)

from gateway.http.errors import MEDIA_TYPE, Problem
from gateway.http.problems import PROBLEMS

BY_PERSON: Final[list[SecurityRequirement]] = [{"bearer": []}]
PUBLIC: Final[list[SecurityRequirement]] = [{}]
"""Without credentials, and said to be: nothing said would be taken for forgotten."""
BY_ANY: Final[list[SecurityRequirement]] = [{"bearer": []}, {"api_key": []}]
SIGN_IN_CODES: Final = (
    "unauthenticated",
    "token_invalid",
    "token_expired",
    "account_inactive",
    "rate_limited",
)
BODY_CODES: Final = ("body_too_slow", "request_too_large")
"""Of every operation that reads a body."""
KEY_CODES: Final = (*SIGN_IN_CODES, "api_key_invalid", "api_key_revoked", "api_key_expired", "scope_missing")


@dataclass
class _Named(Example):
    """An example whose ``id`` is its key in the document alone: the specification knows no such field."""

    @property
    def _exclude_fields(self) -> set[str]:
        return {"id"}


def header(name: str, description: str) -> ResponseHeader:
    """Return a response header for the document; its value, of which only the type counts, is never sent."""
    return ResponseHeader(name=name, description=description, value="", documentation_only=True)


def problems(*codes: str) -> dict[int, ResponseSpec]:
    """Return the error responses of an operation: one per status, with an example for each code."""
    by_status: defaultdict[int, list[str]] = defaultdict(list)
    for code in dict.fromkeys((*codes, "malformed", "internal", "temporarily_unavailable")):
        by_status[PROBLEMS[code][0]].append(code)
    return {
        status: ResponseSpec(
            Problem,
            generate_examples=False,
            description=", ".join(f"`{code}`" for code in group),
            media_type=MEDIA_TYPE,
            examples=[_Named(id=code, summary=PROBLEMS[code][1], value=_example(code)) for code in group],
        )
        for status, group in by_status.items()
    }


def _example(code: str) -> dict[str, object]:
    status, title = PROBLEMS[code]
    return {
        "type": f"/docs#{code}",
        "title": title,
        "status": status,
        "detail": f"{title}.",
        "code": code,
        "message": f"{title}.",
        "correlation_id": "5f0c2d5b8a9e4b57a8f5d2f8b1c0e3a4",
    }
