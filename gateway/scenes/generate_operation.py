"""The OpenAPI description of sending a photo, the one operation whose handler reads the body itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat

from bus.contract.limits import MAX_PHOTO_BYTES
from bus.contract.retention import MOST_HOURS
from photo.errors import ACCEPTED


@dataclass
class GenerateOperation(Operation):
    """An operation that takes the upload form, or JSON that names the photo's source."""

    def __post_init__(self) -> None:
        """Add the schemas of both bodies, which Litestar cannot derive from the handler."""
        properties = {
            "image": Schema(
                type=OpenAPIType.STRING,
                content_media_type="application/octet-stream",
                format=OpenAPIFormat.BINARY,  # OpenAPI 3.0's word, by which generators make a file of it
                description=f"The photo: {ACCEPTED}, at most {MAX_PHOTO_BYTES // 1024**2} MiB.",
            ),
            "metadata": Schema(
                type=[OpenAPIType.STRING, OpenAPIType.NULL],
                content_media_type="application/json",
                description="A JSON object of your own, or null; given back with the scene.",
                examples=['{"room": "kitchen"}'],
            ),
        } | _request_fields()
        form = Schema(type=OpenAPIType.OBJECT, properties=dict(properties), required=["image"])
        self.request_body = RequestBody(
            content={
                "multipart/form-data": OpenAPIMediaType(schema=form),
                "application/json": OpenAPIMediaType(schema=_elsewhere()),
            },
            required=True,
        )


def _elsewhere() -> Schema:
    """Return the schema of the JSON body: exactly one of two sources of a photo.

    In words: generators make code that fails of alternatives that differ in what is required alone.
    """
    url = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.URI, max_length=2048)
    properties = {
        "image_url": replace(url, description="Fetched before the answer; public http(s), no redirects."),
        "upload_id": Schema(
            type=OpenAPIType.STRING, format=OpenAPIFormat.UUID, description="Of POST /uploads."
        ),
        "metadata": Schema(type=[OpenAPIType.OBJECT, OpenAPIType.NULL], examples=[{"room": "kitchen"}]),
    } | _request_fields()
    return Schema(
        type=OpenAPIType.OBJECT,
        properties=dict(properties),
        additional_properties=False,
        description="Exactly one of `image_url` and `upload_id`.",
        examples=[{"image_url": "https://example.com/kitchen.jpg", "priority": "bulk"}],
    )


def _request_fields() -> dict[str, Schema]:
    return {
        "focal_length_px": _number("Focal length in pixels of the upright photo.", 1_000_000),
        "focal_length_mm": _number("Focal length in mm of 35 mm film; EXIF's otherwise.", 5_000),
        "priority": Schema(type=OpenAPIType.STRING, enum=["interactive", "bulk"], default="interactive"),
        "webhook_url": Schema(
            type=OpenAPIType.STRING,
            format=OpenAPIFormat.URI,
            max_length=2048,
            description="Where to send the event that ends this scene; signed with the account's secret.",
        ),
        "delete_after_hours": Schema(
            type=OpenAPIType.INTEGER,
            minimum=1,
            maximum=MOST_HOURS,
            description="Hours from the request to the scene's deletion; one in flight is cancelled first.",
        ),
    }


def _number(description: str, most: float) -> Schema:
    return Schema(type=OpenAPIType.NUMBER, description=description, minimum=1, maximum=most)
