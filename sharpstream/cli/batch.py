"""Carries out `generate`: gives each photo a target, runs a few at a time, prints the outcomes."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import typer

from sharpstream.cli import printing, results, showing
from sharpstream.cli.results import Outcome, shown
from sharpstream.cli.service import Service, locate
from sharpstream.client import AsyncClient, Job, ServiceError, make
from sharpstream.client.errors import UNREACHABLE

FILE: Final = "file_failed"
UNEXPECTED: Final = "unexpected"
"""Codes of one photo's failure on this side."""
MAX_NAME_BYTES: Final = 255
"""Of a file on the usual disks."""
FAILED: Final = 1
NOT_REACHED: Final = 3
INTERRUPTED: Final = 130
"""Exit statuses; 0 is every photo done, 2 is a wrong command line."""


def plan(photos: Sequence[Path], output: Path, *, force: bool) -> list[Job]:
    """Give each photo a target of its own in ``output``, which is created if it is missing.

    The first photo of a name gets the plain name. Raises a usage error where a splat exists.
    """
    taken: set[str] = set()
    jobs = [Job(photo=photo, target=output / _free_name(photo.stem, taken)) for photo in photos]
    present = [str(job.target) for job in jobs if job.target.exists()]
    if present and not force:
        raise typer.BadParameter(
            f"{', '.join(present)} {'exists' if len(present) == 1 else 'exist'} already; "
            "add --force to replace, or choose another folder with -o."
        )
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise typer.BadParameter(f"{output} cannot be created: {error.strerror}.") from error
    return jobs


def _free_name(stem: str, taken: set[str]) -> str:
    """Return ``stem.ply``, else the first free ``stem-2.ply``...; case is ignored, as on some disks.

    A stem is cut where the name would be longer than disks take.
    """
    ends = itertools.chain([".ply"], (f"-{number}.ply" for number in itertools.count(2)))
    names = (_cut(stem, MAX_NAME_BYTES - len(end)) + end for end in ends)
    name = next(name for name in names if name.casefold() not in taken)
    taken.add(name.casefold())
    return name


def _cut(stem: str, most: int) -> str:
    """Return as many whole characters as fit into ``most`` bytes."""
    while len(os.fsencode(stem)) > most:
        stem = stem[:-1]
    return stem


class Batch:
    """All photos of one command; a failed one does not affect the others."""

    def __init__(
        self,
        jobs: Sequence[Job],
        fields: dict[str, str],
        show: showing.Show,
        *,
        timeout_s: float,
        replace: bool,
    ) -> None:
        self.jobs = jobs
        self._fields, self._show, self._timeout_s, self._replace = fields, show, timeout_s, replace

    async def run(self, service: Service, parallel: int) -> list[Outcome]:
        """Return the photos' outcomes, in order. Raises `ServiceError` if the service cannot be reached."""
        gate = asyncio.Semaphore(parallel)
        async with AsyncClient(service.url, service.api_key, sign_in=service.sign_in) as client:
            await client.check()
            with self._show.running():
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(self._one(client, job, gate)) for job in self.jobs]
        return [task.result() for task in tasks]

    async def _one(self, client: AsyncClient, job: Job, gate: asyncio.Semaphore) -> Outcome:
        watch = self._show.photo(job.photo.name)
        async with gate:
            began = time.monotonic()
            made, error = None, None
            try:
                made = await make(
                    client, job, self._fields, watch, timeout_s=self._timeout_s, replace=self._replace
                )
            except ServiceError as problem:
                error = problem
            except OSError as problem:
                error = ServiceError(FILE, f"{problem.strerror or problem}: {shown(job.photo)}")
            except Exception as problem:  # noqa: BLE001 - of this photo; the others go on
                error = ServiceError(UNEXPECTED, f"{type(problem).__name__}: {problem}")
            watch.end(good=made is not None)
            return Outcome(job=job, seconds=time.monotonic() - began, made=made, error=error)


def carry_out(batch: Batch, url: str | None, api_key: str | None, *, parallel: int, as_json: bool) -> int:
    """Run the batch, print the outcomes and return the exit status."""
    try:
        outcomes = asyncio.run(batch.run(locate(url, api_key), parallel))
    except ServiceError as error:
        if as_json:
            results.print_json([], error)
        printing.line(results.sentence(error), err=True)
        return NOT_REACHED
    except KeyboardInterrupt:
        accepted = [job.generation_id for job in batch.jobs if job.generation_id]
        kept = f" The service continues with what it has accepted: {', '.join(accepted)}." if accepted else ""
        printing.line(f"Interrupted.{kept}", err=True)
        return INTERRUPTED
    if as_json:
        results.print_json(outcomes)
    else:
        results.print_outcomes(outcomes)
    if all(outcome.error and outcome.error.code == UNREACHABLE for outcome in outcomes):
        return NOT_REACHED
    return FAILED if any(outcome.error for outcome in outcomes) else 0
