"""What the end of a photo's worker means for the job: its own defect, or a failed attempt of it alone."""

from __future__ import annotations

from typing import Any

import pytest

from bus.contract import ids
from bus.runtime.errors import PermanentError, SharpstreamError, TransientError
from bus.sandbox import pool
from inference_consumer.photo_reader import PhotoReader


class Failing:
    def __init__(self, error: Exception) -> None:
        self._error = error

    async def call(self, *_: object, **__: object) -> Any:
        raise self._error


@pytest.mark.parametrize(
    ("error", "code", "kind"),
    [
        (pool.TaskFailedError("It is.", code="photo_too_small"), "photo_too_small", PermanentError),
        (pool.TaskFailedError("It is.", code="focal_length_invalid"), "focal_length_invalid", PermanentError),
        (pool.TaskFailedError("It says so.", code="drop_tables"), "photo_unreadable", PermanentError),
        (pool.MemoryLimitError("It is large."), "photo_too_complex", PermanentError),
        (pool.DeadlineError("It took long."), "photo_too_complex", TransientError),
        (pool.WorkerDiedError("It died."), "photo_unreadable", TransientError),
        (pool.TaskRaisedError("It raised KeyError."), "photo_unreadable", TransientError),
    ],
)
async def test_each_end_of_a_worker(error: Exception, code: str, kind: type[SharpstreamError]) -> None:
    reader = PhotoReader(Failing(error))  # type: ignore[arg-type]
    with pytest.raises(kind) as found:
        await reader.decode(b"photo", ids.new_id(), focal_px=None, focal_mm=None)
    assert found.value.code == code
