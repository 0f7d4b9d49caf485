from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from bus.contract import asyncapi, envelope, messages, topics
from tests.bus.samples import ACCOUNT, ALL

COMMITTED = Path(__file__).parents[3] / "docs" / "asyncapi.json"
document = asyncapi.document()


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def follow(reference: str) -> Any:
    node: Any = document
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def test_the_committed_document_is_up_to_date() -> None:
    assert json.loads(COMMITTED.read_text()) == document, (
        "run: .venv/bin/python -m bus.contract.asyncapi docs"
    )


def test_every_reference_resolves() -> None:
    found = set(references(document))
    assert len(found) > 30
    for reference in found:
        assert isinstance(follow(reference), dict), reference


def test_every_component_is_used() -> None:
    found = set(references(document))
    for kind, components in document["components"].items():
        for name in components:
            assert f"#/components/{kind}/{name}" in found


def test_channels_are_the_declared_topics() -> None:
    assert list(document["channels"]) == [topic.name for topic in topics.ALL]
    for topic in topics.ALL:
        channel = document["channels"][topic.name]
        assert channel["address"] == topic.name
        assert channel["bindings"]["kafka"]["partitions"] == topic.partitions
        carried = topic.types if topic.producers else ()
        assert list(channel["messages"]) == [kind.__struct_config__.tag for kind in carried]


def test_operations_are_the_producers_and_consumers_of_each_topic() -> None:
    documented = {
        (operation["action"], name.split(".")[1], operation["channel"]["$ref"].removeprefix("#/channels/"))
        for name, operation in document["operations"].items()
    }
    writes = {("send", role, topic.name) for topic in topics.ALL for role in topic.producers}
    reads = {("receive", role, topic.name) for topic in topics.ALL for role in topic.consumers}
    assert documented == writes | reads
    for operation in document["operations"].values():
        own = operation["channel"]["$ref"]
        assert all(message["$ref"].startswith(f"{own}/messages/") for message in operation["messages"])


@pytest.mark.parametrize("message", ALL, ids=messages.type_of)
def test_the_schemas_accept_samples_and_reject_damaged_ones(message: messages.AnyMessage) -> None:
    described = document["components"]["messages"][messages.type_of(message)]
    schema = described["payload"] | {"components": document["components"]}
    body = json.loads(msgspec.json.encode(message))
    jsonschema.validate(body, schema)
    for damaged in (body | {"type": "other.type.v1"}, body | {"account_id": 5}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(damaged, schema)

    topic = next(topic for topic in topics.ALL if isinstance(message, topic.types))
    record = envelope.record(topic, message, key=ACCOUNT, source="/s", traceparent="t", correlation_id="c")
    headers = {name: value.decode() for name, value in record.headers}
    declared = document["components"]["messageTraits"]["cloudevent"]["headers"]
    jsonschema.validate(headers, declared | {"additionalProperties": False})
    del headers["ce_id"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(headers, declared)
