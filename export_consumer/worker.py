"""A worker process: ``python -P -m export_consumer.worker FD TIMEOUT_S CONFINEMENT``.

It converts splats and compares them with their photos, confined by `bus.sandbox`: it has no network, no other
processes, and no files but its libraries, its cache of compiled code and a folder of its own. It must not
print: results go through the socket as JSON and bytes. They are not pickled, because its parent, which has
secrets, must not unpickle data that a broken library may have written. It ends when the socket is closed.
"""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable, Mapping
from functools import partial
from multiprocessing.connection import Connection
from typing import Final

import msgspec
import numpy as np

from bus.contract import options
from bus.runtime.errors import SharpstreamError
from bus.sandbox.confinement import Confinement, confine
from export_consumer import splat
from export_consumer.errors import NothingLeftError
from export_consumer.formats import File, load
from export_consumer.gaussians import pruned

GRACE_S: Final = 5
"""The parent kills the worker at the timeout; if the parent is gone, an alarm does, this much later."""


def main(fd: int, timeout_s: int, kept: Confinement) -> None:
    """Do the jobs that arrive on the socket ``fd`` until it is closed; first say what the kernel lacks."""
    # OpenBLAS allocates its buffers at the first product and exits if it cannot, so they are allocated now.
    np.ones((64, 64)) @ np.ones((64, 64))
    lacking = confine(kept)
    with Connection(fd) as jobs, contextlib.suppress(EOFError, ConnectionResetError, BrokenPipeError):
        _say(jobs, "ready", *lacking)
        while True:
            task, arguments, inputs = msgspec.json.decode(jobs.recv_bytes())
            data = [jobs.recv_bytes() for _ in range(inputs)]
            signal.alarm(timeout_s + GRACE_S)
            _answer(jobs, partial(TASKS[task], *arguments, *data))
            signal.alarm(0)
            del data


def convert(name: str, given: options.Options, data: bytes) -> File:
    """Return the splat ``data`` as the format. Raises `SharpstreamError`."""
    made = load(name)
    chosen = options.read(name, given)
    scene = splat.read(data)
    least = float(chosen["min_opacity"] or 0)
    most = chosen["max_gaussians"]
    left = pruned(scene.gaussians, most=None if most is None else int(most), min_opacity=least)
    if not left.size:
        raise NothingLeftError(f"No Gaussian is as opaque as {least:g}; ask for a lower min_opacity.")
    return File(made.write(scene._replace(gaussians=left), chosen), made.media_type, made.suffix)


def score(models: Mapping[str, str], data: bytes, photo: bytes) -> File:
    """Return the `scores.Measured` of the splat ``data`` and its photo, as JSON."""
    from export_consumer import scores  # noqa: PLC0415  (the rasteriser, which few formats need)
    from photo import reader  # noqa: PLC0415

    reader.prepare()
    found = scores.measure(splat.read(data), photo, models)
    return File(msgspec.json.encode(found), "application/json", ".json")


TASKS: Final[Mapping[str, Callable[..., File]]] = {"convert": convert, "score": score}


def _answer(jobs: Connection, task: Callable[[], File]) -> None:
    """Send "made", media type, suffix, then the file; or "failed", class, code, message; or an error kind."""
    try:
        made = task()
    except SharpstreamError as error:
        _say(jobs, "failed", type(error).__name__, error.code, error.message)
    except MemoryError:
        _say(jobs, "memory")
    except Exception as error:  # noqa: BLE001  (a library's error; the process stays usable)
        _say(jobs, "raised", repr(error)[:400])
    else:
        _say(jobs, "made", made.media_type, made.suffix)
        jobs.send_bytes(made.data)


def _say(jobs: Connection, *words: str) -> None:
    jobs.send_bytes(msgspec.json.encode(words))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), msgspec.json.decode(sys.argv[3], type=Confinement))
