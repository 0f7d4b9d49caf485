"""Runs conversions and comparisons with photos in worker processes.

One that crashes, uses too much memory or hangs fails only its job.

Each worker is a new interpreter (spawned, never forked: this process has threads and sockets). It is replaced
after some jobs, because C++ libraries leak memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import structlog
from prometheus_client import Counter, Histogram

import bus
import export_consumer
import photo
from bus.contract.messages import Scores
from bus.contract.options import Options, OptionsError
from bus.runtime import owned_folder
from bus.runtime.errors import PermanentError, SharpstreamError, TransientError
from bus.sandbox.confinement import Confinement
from bus.sandbox.pool import note_lacking
from bus.sandbox.priority import SessionPriority
from export_consumer import errors, page_template
from export_consumer.formats import File
from export_consumer.settings import ConverterSettings

log = structlog.stdlib.get_logger(__name__)

NICE: Final = 10
"""The niceness of workers: requests and jobs go before conversions."""
BACKGROUND_NICE: Final = 15
"""That of background workers, whose results no user waits for."""
JOBS_EACH: Final = 1_000
"""Conversions before a worker is replaced, whatever a library leaks. A start costs 0.3 s of a core, its first
picture 1 s more (numba): at 100 they were half of a small scene's exports."""
SECONDS = Histogram(
    "sharpstream_export_seconds",
    "Time to convert",
    ["format"],
    buckets=(0.1, 0.3, 1, 3, 10, 30, 100, 300),
)
LOST = Counter(
    "sharpstream_export_workers_lost", "Workers that crashed, used too much memory or hung", ["why"]
)
for _why in ("slow", "memory", "crashed", "confused"):
    LOST.labels(_why)  # Prometheus sees no rise in a counter that appears with its first value
_MEASURED: Final = msgspec.json.Decoder(tuple[Scores, dict[str, str]])
_SCORES: Final = "scores"
"""The label of comparisons, beside the names of formats."""
_REPLY: Final = msgspec.json.Decoder(list[str])
_KEPT: Final = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")
"""The environment variables that a worker gets: no credentials."""
_SYSTEM: Final = (
    *("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives"),
    *("/dev/null", "/dev/urandom", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system"),
)
"""What libraries of the system read, and how they count processors."""
_ERRORS: Final[dict[str, type[SharpstreamError]]] = {
    found.__name__: found
    for found in (*vars(errors).values(), OptionsError)
    if isinstance(found, type) and issubclass(found, PermanentError | TransientError)
}


class _Job(NamedTuple):
    """A call of `export_consumer.worker.TASKS`: ``arguments`` as JSON, then ``inputs`` as bytes."""

    name: str
    task: str
    arguments: Sequence[Any]
    inputs: Sequence[bytes]


class _Worker:
    """A process and the socket to it. Used by one thread at a time; any thread may call `kill`."""

    def __init__(self, settings: ConverterSettings, folders: _Folders, *, background: bool) -> None:
        self.background = background
        self._ready = False
        ours, theirs = socket.socketpair()
        with theirs:
            timeout = settings.timeout_seconds
            kept = _confinement(settings, folders, nice=BACKGROUND_NICE if background else NICE)
            # A hung worker may also stop reading or writing in mid-message: socket timeouts bound both.
            for wait in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
                ours.setsockopt(socket.SOL_SOCKET, wait, struct.pack("ll", timeout, 0))
            command = [
                sys.executable,
                "-P",
                "-m",
                "export_consumer.worker",
                *map(str, (theirs.fileno(), timeout)),
                msgspec.json.encode(kept).decode(),
            ]
            self.process = subprocess.Popen(  # noqa: S603  (our own module)
                command,
                env=_environment(settings, folders),
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        session = SessionPriority(self.process.pid)
        session.change(min(19, os.getpriority(os.PRIO_PROCESS, 0) + kept.nice))
        session.close()
        self._jobs = Connection(ours.detach())
        self.jobs_left = JOBS_EACH

    def ask(self, job: _Job, timeout_s: float) -> File:
        """Return the file. Raises the worker's error, `TooSlowError`, or EOFError if it died."""
        self.jobs_left -= 1
        try:
            return self._asked(job, timeout_s)
        except (TimeoutError, BlockingIOError) as error:  # from poll, or from the socket
            raise errors.TooSlowError(
                f"The conversion took longer than {timeout_s:g} s; ask for fewer Gaussians (max_gaussians)."
            ) from error

    def _asked(self, job: _Job, timeout_s: float) -> File:
        self._jobs.send_bytes(msgspec.json.encode((job.task, job.arguments, len(job.inputs))))
        for data in job.inputs:
            self._jobs.send_bytes(data)
        if not self._ready:
            note_lacking(self._reply(timeout_s)[1:])
            self._ready = True
        kind, *detail = self._reply(timeout_s)
        if kind == "made":
            return File(self._jobs.recv_bytes(), *detail)
        raise _error(kind, detail)

    def _reply(self, timeout_s: float) -> list[str]:
        if not self._jobs.poll(timeout_s):
            raise TimeoutError
        return _REPLY.decode(self._jobs.recv_bytes())

    def kill(self) -> None:
        """Kill the process and close the socket."""
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(OSError):
            self._jobs.close()


class Converter:
    """Runs up to ``workers`` conversions at once; the others wait. Made by `converting`."""

    def __init__(self, settings: ConverterSettings) -> None:
        self._settings = settings
        self._folders = _Folders()
        self._threads = ThreadPoolExecutor(settings.workers, thread_name_prefix="convert")
        self._lock = threading.Lock()
        self._idle: dict[bool, list[_Worker]] = {False: [], True: []}  # key: whether background
        self._all: set[_Worker] = set()
        self._closed = False

    async def convert(self, name: str, options: Options, data: bytes, *, background: bool = False) -> File:
        """Return the splat ``data`` as the format; ``background``: at low CPU priority.

        Raises `PermanentError` if it cannot be converted, `ConverterError` if the worker or a library failed
        and a retry may succeed.
        """
        with SECONDS.labels(name).time():
            return await self._run(_Job(name, "convert", (name, dict(options)), (data,)), background)

    async def score(self, data: bytes, photo: bytes) -> Scores:
        """Return how true the splat ``data`` is to its photo; always at low CPU priority.

        Raises the errors of `convert`.
        """
        with SECONDS.labels(_SCORES).time():
            models = self._settings.score_models
            made = await self._run(_Job(_SCORES, "score", (models,), (data, photo)), True)
        scores, missing = _MEASURED.decode(made.data)
        for name, why in missing.items():
            log.warning("score_missing", score=name, error=why)
        return scores

    def close(self) -> None:
        """Kill all workers; running conversions fail with `ConverterError`."""
        with self._lock:
            self._closed, workers = True, list(self._all)
        for worker in workers:
            worker.kill()
        self._threads.shutdown(cancel_futures=True)
        self._folders.remove()

    async def _run(self, job: _Job, background: bool) -> File:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._done, job, background)

    def _done(self, job: _Job, background: bool) -> File:
        worker = self._take(background=background)
        try:
            made = worker.ask(job, self._settings.timeout_seconds)
        except errors.TooSlowError:
            self._drop(worker, "slow")
            raise
        except errors.TooLargeError:
            self._drop(worker, "memory")  # its memory may not suffice for the next job
            raise
        except SharpstreamError:
            self._give_back(worker)
            raise
        except (EOFError, OSError) as error:
            self._drop(worker, "crashed")
            raise errors.ConverterError(
                f"The process that made {job.name} died (status {worker.process.returncode})."
            ) from error
        except BaseException:
            self._drop(worker, "confused")
            raise
        self._give_back(worker)
        return made

    def _take(self, *, background: bool) -> _Worker:
        with self._lock:
            if self._closed:
                raise errors.ConverterError("The exporter is stopping.")
            if self._idle[background]:
                return self._idle[background].pop()
            others = self._idle[not background]
            spare = others.pop() if others and len(self._all) >= self._settings.workers else None
            if spare is not None:
                self._all.discard(spare)
            worker = _Worker(self._settings, self._folders, background=background)
            self._all.add(worker)
        if spare is not None:  # never more processes than conversions: each may hold 200 MB when idle
            spare.kill()
        return worker

    def _give_back(self, worker: _Worker) -> None:
        with self._lock:
            if worker.jobs_left > 0 and not self._closed:
                self._idle[worker.background].append(worker)
                return
        self._end(worker)

    def _drop(self, worker: _Worker, why: str) -> None:
        LOST.labels(why).inc()
        self._end(worker)
        log.warning("export_worker_lost", why=why, status=worker.process.returncode)

    def _end(self, worker: _Worker) -> None:
        worker.kill()
        with self._lock:
            self._all.discard(worker)


@asynccontextmanager
async def converting(settings: ConverterSettings) -> AsyncIterator[Converter]:
    """Yield a converter, and kill its processes at the end."""
    converter = Converter(settings)
    try:
        yield converter
    finally:
        await asyncio.to_thread(converter.close)


class _Folders:
    """The folders that workers may write to; others may not.

    ``own`` is for temporary files and removed at the end. ``compiled`` is numba's cache, because compiling
    the rasteriser takes 6 s and workers are replaced often; numba unpickles what lies there. Raises
    `ConfigurationError` where another user may have put something there.
    """

    def __init__(self) -> None:
        self.own = Path(tempfile.mkdtemp(prefix="sharpstream-export-"))
        chosen = os.environ.get("NUMBA_CACHE_DIR")
        try:
            self.compiled = owned_folder.make(Path(chosen) if chosen else owned_folder.cache() / "numba")
            usable = os.access(self.compiled, os.W_OK)
        except OSError:  # a read-only system, or no home folder
            usable = False
        except BaseException:
            self.remove()
            raise
        if not usable:
            self.compiled = self.own

    def remove(self) -> None:
        """Remove the temporary files."""
        shutil.rmtree(self.own, ignore_errors=True)


def _confinement(settings: ConverterSettings, folders: _Folders, *, nice: int) -> Confinement:
    """Return what a worker keeps: its libraries are loaded when a format first needs them.

    Written memory is limited: a limit of the address space would forbid the reservations of numba and
    OpenUSD. Of the project only its packages can be read, as the stack's secrets may lie beside them.
    """
    libraries = [sys.prefix, sys.base_prefix, *os.environ.get("LD_LIBRARY_PATH", "").split(":")]
    packages = [
        str(Path(module.__file__).parent) for module in (bus, export_consumer, photo) if module.__file__
    ]
    return Confinement(
        data_bytes=settings.worker_memory_mb * 1024 * 1024,
        read=tuple(filter(None, (*libraries, *packages, *_SYSTEM, *settings.files))),
        write=(str(folders.own), str(folders.compiled)),
        threads=True,
        nice=nice,
    )


def _environment(settings: ConverterSettings, folders: _Folders) -> dict[str, str]:
    threads = max(1, (os.cpu_count() or 1) // settings.workers)
    return (
        page_template.variables(settings.viewer)
        | {key: os.environ[key] for key in _KEPT if key in os.environ}
        | {
            "HOME": str(folders.own),
            "TMPDIR": str(folders.own),
            "NUMBA_CACHE_DIR": str(folders.compiled),
            "NUMBA_NUM_THREADS": str(threads),
            "OMP_NUM_THREADS": str(threads),
            "OPENBLAS_NUM_THREADS": "1",
        }
    )


def _error(kind: str, detail: Sequence[str]) -> SharpstreamError:
    if kind == "memory":
        return errors.TooLargeError(
            "The conversion needs too much memory; ask for fewer Gaussians (max_gaussians)."
        )
    if kind == "failed":
        name, code, message = detail
        return _ERRORS.get(name, errors.ConverterError)(message, code=code)
    return errors.ConverterError(f"The conversion failed: {' '.join(detail)}")
