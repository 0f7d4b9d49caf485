"""Bodies have the types that the document states: Litestar alone would take 0 for false and "72" for 72."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request
from litestar.exceptions import ValidationException


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON body is refused where Litestar would have to convert a value's type."""

    async def json(self) -> Any:
        """Return the body as plain values. Raises `ValidationException`."""
        body = await super().json()
        field = self.route_handler.parsed_data_field
        if field is None:
            return body
        try:
            msgspec.convert(body, field.annotation)
        except msgspec.ValidationError as error:
            if _converts(body, field.annotation):  # else Litestar words the error
                message, _, path = str(error).partition(" - at `$.")
                extra = [{"message": message, "key": path.rstrip("`")}]
                raise ValidationException("The body is not valid.", extra=extra) from error
        return body


def _converts(body: Any, to: Any) -> bool:
    try:
        msgspec.convert(body, to, strict=False)
    except msgspec.ValidationError:
        return False
    return True
