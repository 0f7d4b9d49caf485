"""The command handler: one ending for each command."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from msgspec import UNSET
from structlog.testing import capture_logs

from bus.blobs import BlobMissingError
from bus.contract import envelope, topics
from bus.contract.ids import event_id
from bus.contract.messages import ExportCompleted, ExportFailed, ExportScene, Scores
from bus.contract.options import Options, OptionsError
from bus.kafka.processor import Record
from bus.runtime.errors import TransientError, UndecodableError
from bus.testing import MemoryBlobs
from export_consumer.errors import ExpiredError, PhotoUnreadableError, UnsupportedFormatError
from export_consumer.formats import File
from export_consumer.handlers import SOURCE, Exports

TRACE = f"00-{'1' * 32}-{'2' * 16}-01"


SCORES = Scores(size=768, psnr=31.5, ssim=0.9)


class Shouting:
    """Converts to upper case, in this process; every photo but a broken one gets `SCORES`."""

    async def score(self, data: bytes, photo: bytes) -> Scores:
        assert data == b"ply"
        if photo == b"broken":
            raise PhotoUnreadableError("The photo cannot be read.")
        return SCORES

    async def convert(self, name: str, options: Options, data: bytes, *, background: bool = False) -> File:
        return File(data.upper() + name.encode() + str(options["min_opacity"]).encode(), "text/plain", ".txt")


@pytest.fixture
def blobs() -> MemoryBlobs:
    return MemoryBlobs()


@pytest.fixture
async def command(blobs: MemoryBlobs) -> ExportScene:
    return ExportScene(
        export_id=uuid4(),
        generation_id=uuid4(),
        account_id=uuid4(),
        source=await blobs.put("results/g/1.ply", b"ply", "model/ply"),
        format="ply",
        requested_at=datetime.now(UTC),
        options={"min_opacity": 0.5},
    )


def record(command: ExportScene, attempt: int = 1, value: bytes | None = None) -> Record:
    out = envelope.record(
        topics.EXPORT_COMMANDS,
        command,
        key=command.export_id,
        source="/tests",
        traceparent=TRACE,
        correlation_id="abc",
    )
    return Record(
        topic=topics.EXPORT_COMMANDS,
        partition=0,
        offset=0,
        key=out.key,
        value=out.value if value is None else value,
        headers=out.headers,
        timestamp=datetime.now(UTC),
        attempt=attempt,
    )


def decoded(records: Sequence[envelope.OutRecord], command: ExportScene) -> envelope.Envelope[Any]:
    (out,) = records
    assert (out.topic, out.key) == (topics.EVENTS.name, str(command.account_id).encode())
    found = envelope.decode(topics.EVENTS, out.value, out.headers)
    assert (found.source, found.traceparent, found.correlation_id) == (SOURCE, TRACE, "abc")
    assert found.id == str(event_id(command.export_id, found.type))  # whatever the attempt
    return found


async def test_a_known_format_is_completed(blobs: MemoryBlobs, command: ExportScene) -> None:
    exports = Exports(blobs, Shouting())
    message = decoded(await exports.handle(record(command, attempt=2)), command).message
    assert isinstance(message, ExportCompleted)
    assert (message.export_id, message.generation_id) == (command.export_id, command.generation_id)
    assert (message.format, message.attempt) == ("ply", 2)
    assert await blobs.get(message.result) == b"PLYply0.5"
    assert message.result.media_type == "text/plain"
    assert message.result.key.startswith(f"exports/{command.export_id}/")
    assert blobs.owners[message.result.key] == command.account_id
    assert None not in (message.timings.fetch_ms, message.timings.encode_ms, message.timings.upload_ms)


async def test_each_attempt_has_a_key_of_its_own(blobs: MemoryBlobs, command: ExportScene) -> None:
    exports = Exports(blobs, Shouting())
    keys = [decoded(await exports.handle(record(command)), command).message.result.key for _ in range(2)]
    assert keys[0] != keys[1]


@pytest.mark.parametrize("name", ["GLTF", "FBX", "OBJ", "shout"])
async def test_an_unknown_format_fails_permanently(
    blobs: MemoryBlobs, command: ExportScene, name: str
) -> None:
    exports, given = Exports(blobs, Shouting()), record(_with(command, format=name))
    with pytest.raises(UnsupportedFormatError, match=name) as caught:
        await exports.handle(given)
    assert not isinstance(caught.value, TransientError)
    message = decoded(exports.give_up(given, caught.value), command).message
    assert isinstance(message, ExportFailed)
    assert (message.code, message.format) == ("unsupported_format", name)
    assert message.message == caught.value.message


async def test_a_missing_splat_fails_permanently(blobs: MemoryBlobs, command: ExportScene) -> None:
    exports, given = Exports(blobs, Shouting()), record(command)
    await blobs.delete(command.source.key)
    with pytest.raises(BlobMissingError) as caught:
        await exports.handle(given)
    assert decoded(exports.give_up(given, caught.value), command).message.code == "blob_missing"


async def test_an_undecodable_command_has_no_ending(blobs: MemoryBlobs, command: ExportScene) -> None:
    exports, given = Exports(blobs, Shouting()), record(command, value=b"{")
    with pytest.raises(UndecodableError) as caught:
        await exports.handle(given)
    assert exports.give_up(given, caught.value) == []


@pytest.mark.parametrize(
    "options",
    [
        {"max_gaussians": 0},
        {"max_gaussians": 2.5},
        {"max_gaussians": True},
        {"max_gaussians": "many"},
        {"min_opacity": 1e300},
        {"min_opacity": -1e300},
        {"up": "x"},
        {"unit": 1},
        {"triangles": 5},
    ],
    ids=str,
)
async def test_invalid_options_fail_permanently(
    blobs: MemoryBlobs, command: ExportScene, options: dict[str, Any]
) -> None:
    exports = Exports(blobs, Shouting())
    asked = _with(command, options=options)
    await blobs.delete(command.source.key)  # refused before anything is fetched
    with pytest.raises(OptionsError) as caught:
        await exports.handle(record(asked))
    assert next(iter(options)) in caught.value.message
    message = decoded(exports.give_up(record(asked), caught.value), command).message
    assert message.code == "options_invalid"


def _with(struct: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(struct, **changes)


async def test_background_exports_end_in_a_topic_of_their_own(
    command: ExportScene, blobs: MemoryBlobs
) -> None:
    exports, own = Exports(blobs, Shouting()), msgspec.structs.replace(command, purpose="preview")
    made, failed = await exports.handle(record(own)), exports.give_up(record(own), OptionsError("Why."))
    for (out,), kind in ((made, ExportCompleted), (failed, ExportFailed)):
        assert (out.topic, out.key) == (topics.BACKGROUND_ENDINGS.name, str(own.export_id).encode())
        assert isinstance(envelope.decode(topics.BACKGROUND_ENDINGS, out.value, out.headers).message, kind)


async def test_a_preview_is_scored_against_the_photo(blobs: MemoryBlobs, command: ExportScene) -> None:
    photo = await blobs.put("originals/g/1", b"photo", "image/jpeg")
    exports = Exports(blobs, Shouting())
    message = decoded(await exports.handle(record(_with(command, photo=photo))), command).message
    assert message.scores == SCORES
    assert decoded(await exports.handle(record(command)), command).message.scores is UNSET


async def test_a_photo_that_cannot_be_compared_leaves_the_preview_without_scores(
    blobs: MemoryBlobs, command: ExportScene
) -> None:
    exports = Exports(blobs, Shouting())
    broken = await blobs.put("originals/g/1", b"broken", "image/jpeg")
    gone = _with(broken, key="originals/g/2")
    for photo, code in [(broken, "photo_unreadable"), (gone, "blob_missing")]:
        with capture_logs() as logs:
            out = await exports.handle(record(_with(command, photo=photo)))
        message = decoded(out, command).message
        assert isinstance(message, ExportCompleted)
        assert message.scores is UNSET
        assert [line["code"] for line in logs if line["event"] == "scores_missing"] == [code]


async def test_an_expired_command_fails(blobs: MemoryBlobs, command: ExportScene) -> None:
    late = msgspec.structs.replace(command, expires_at=datetime.now(UTC))
    exports, given = Exports(blobs, Shouting()), record(late)
    with pytest.raises(ExpiredError) as raised:
        await exports.handle(given)
    (ending,) = exports.give_up(given, raised.value)
    assert envelope.decode(topics.EVENTS, ending.value, ending.headers).message.code == "expired"


@pytest.mark.parametrize(("minutes", "published"), [(29, True), (31, False)])
@pytest.mark.parametrize("stored", [True, False])
async def test_an_export_in_flight_long_after_its_expiry_gets_no_ending_from_its_worker(
    blobs: MemoryBlobs, command: ExportScene, *, minutes: int, stored: bool, published: bool
) -> None:
    """The process is suspended during the export; the ledger may have ended the export meanwhile."""
    until = datetime.now(UTC)
    times = iter([until - timedelta(minutes=1), until + timedelta(minutes=minutes)])
    given = record(msgspec.structs.replace(command, expires_at=until))
    exports = Exports(blobs, Shouting(), now=lambda: next(times))
    if not stored:
        await blobs.delete(command.source.key)
    if published and not stored:
        with pytest.raises(BlobMissingError):
            await exports.handle(given)
    else:
        assert len(await exports.handle(given)) == published
