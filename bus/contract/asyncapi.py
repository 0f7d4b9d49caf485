"""The AsyncAPI 3.0 document of the topics and the JSON Schema of each message, from `bus.contract.topics`.

``python -m bus.contract.asyncapi docs`` writes them (``--release`` also freezes the schemas as this
version's); a test fails when the committed ones are out of date. To change them, change a topic or a message.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from bus.contract import messages, topics
from bus.contract.topics import Topic

VERSION: Final = "1.0.0"
"""The version of the contract: an added type raises the second number, the first never changes."""
_STRING: Final = {"type": "string"}
_HEADERS: Final[dict[str, Any]] = {
    "type": "object",
    "description": "CloudEvents 1.0, Kafka protocol binding, binary content mode. Values are UTF-8 text.",
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": _STRING
        | {
            "format": "uuid",
            "description": "UUIDv5 of subject and type: a repeat has the same id, so keep the first.",
        },
        "ce_type": _STRING | {"description": "The message's type; the body repeats it as `type`."},
        "ce_source": _STRING
        | {
            "format": "uri-reference",
            "description": "The role that wrote it.",
            "examples": ["/sharpstream/gateway"],
        },
        "ce_time": _STRING | {"format": "date-time", "description": "When it happened, RFC 3339, UTC."},
        "ce_subject": _STRING
        | {"format": "uuid", "description": "The generation, export or API key that it is about."},
        "content-type": {"const": "application/json"},
        "traceparent": _STRING | {"description": "W3C Trace Context, where a trace is recorded."},
        "correlation_id": _STRING
        | {"description": "The HTTP request that began it; also in its answer and logs."},
    },
    "required": ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "ce_subject", "content-type"],
}


def document(declared: Sequence[Topic] = topics.ALL) -> dict[str, Any]:
    """Return the document as plain dictionaries, ordered by the declarations only."""
    structs = sorted({kind for topic in declared for kind in topic.types}, key=_tag)
    _, schemas = msgspec.json.schema_components(structs, ref_template="#/components/schemas/{name}")
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Sharpstream",
            "version": VERSION,
            "description": "Photos in, metric 3D Gaussian splats out: every Kafka topic and its messages. "
            "Records are read with `isolation.level=read_committed`; unknown fields are to be ignored.",
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in declared},
        "operations": {
            f"{action}.{role}.{topic.name}": _operation(topic, action, role)
            for topic in declared
            for action, role in _uses(topic)
        },
        "components": {
            "schemas": schemas,
            "messages": {_tag(kind): _message(kind) for kind in structs},
            "messageTraits": {"cloudevent": {"contentType": "application/json", "headers": _HEADERS}},
        },
    }


def _tag(kind: type[messages.Message]) -> str:
    return str(kind.__struct_config__.tag)


def _channel(topic: Topic) -> dict[str, Any]:
    return {
        "address": topic.name,
        "description": topic.description,
        "messages": {_tag(kind): {"$ref": f"#/components/messages/{_tag(kind)}"} for kind in _carried(topic)},
        "bindings": {"kafka": _kafka(topic)},
        "x-key": topic.key,
    } | ({"x-delay-ms": topic.delay_ms} if topic.delay_ms else {})


def _carried(topic: Topic) -> tuple[type[messages.Message], ...]:
    return topic.types if topic.producers else ()  # the relay's cursor topic holds no records


def _kafka(topic: Topic) -> dict[str, Any]:
    return {
        "bindingVersion": "0.5.0",
        "topic": topic.name,
        "partitions": topic.partitions,
        "topicConfiguration": {
            "cleanup.policy": ["delete"],
            "retention.ms": topic.retention_ms,
        },
    }


def _uses(topic: Topic) -> list[tuple[str, str]]:
    return [("send", role) for role in topic.producers] + [("receive", role) for role in topic.consumers]


def _operation(topic: Topic, action: str, role: str) -> dict[str, Any]:
    channel = f"#/channels/{topic.name}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "title": f"{role} {'writes' if action == 'send' else 'reads'} {topic.name}",
        "messages": [{"$ref": f"{channel}/messages/{_tag(kind)}"} for kind in _carried(topic)],
    }


def _message(kind: type[messages.Message]) -> dict[str, Any]:
    said = (kind.__doc__ or "").strip()
    return {
        "name": _tag(kind),
        "title": kind.__name__,
        "summary": said.partition("\n")[0],
        "traits": [{"$ref": "#/components/messageTraits/cloudevent"}],
        "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
        "correlationId": {"location": "$message.header#/correlation_id"},
    }


def schema_of(kind: type[messages.Message]) -> dict[str, Any]:
    """Return the self-contained JSON Schema (2020-12) of one message."""
    (own,), parts = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    found = dict(parts.pop(kind.__name__)) if "$ref" in own else dict(own)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:sharpstream:{_tag(kind)}"}
    return head | found | ({"$defs": parts} if parts else {})


def schemas(declared: Sequence[Topic] = topics.ALL) -> dict[str, dict[str, Any]]:
    """Return the schema of every message by its type."""
    structs = sorted({kind for topic in declared for kind in topic.types}, key=_tag)
    return {_tag(kind): schema_of(kind) for kind in structs}


def text(value: Any) -> str:
    """Return the JSON text of a document, as committed and served."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def write(folder: Path, *, release: bool) -> None:
    """Write ``asyncapi.json``, ``schemas/TYPE.json``, and for a release ``contracts/VERSION.json``."""
    (folder / "asyncapi.json").write_text(text(document()))
    (folder / "schemas").mkdir(exist_ok=True)
    for old in (folder / "schemas").glob("*.json"):
        old.unlink()
    for kind, schema in schemas().items():
        (folder / "schemas" / f"{kind}.json").write_text(text(schema))
    if release:
        (folder / "contracts").mkdir(exist_ok=True)
        (folder / "contracts" / f"{VERSION}.json").write_text(text(schemas()))


def main() -> None:
    """Read the command line and write."""
    parser = argparse.ArgumentParser(
        description="Write the contract of the Kafka topics.",
        epilog="Example: python -m bus.contract.asyncapi docs",
    )
    parser.add_argument("folder", type=Path, help="where to")
    parser.add_argument("--release", action="store_true", help="freeze the schemas as this version's")
    options = parser.parse_args()
    write(options.folder, release=options.release)


if __name__ == "__main__":
    main()
