"""Shows several photos' progress: bars on a terminal, plain lines elsewhere, nothing where quiet.

Progress goes to stderr, so that stdout can be piped.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Final, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from sharpstream.cli import printing
from sharpstream.client import Watch

_OURS: Final = {
    "send": "sending",
    "wait": "service is busy",
    "queue": "queued",
    "start": "started",
    "save": "downloading",
    "reconnect": "reconnecting",
}
"""Labels of the stages outside the service; its own (fetch ... upload) keep their names."""


class PhotoWatch(Watch, Protocol):
    """Shows one photo."""

    def end(self, *, good: bool) -> None:
        """Record that the photo has its splat (``good``), or that it failed."""
        ...


class Show(Protocol):
    """Shows all photos while `running` is entered."""

    def running(self) -> AbstractContextManager[object]:
        """Return the context in which the photos are processed."""
        ...

    def photo(self, name: str) -> PhotoWatch:
        """Begin to show a photo."""
        ...


def choose(*, quiet: bool) -> Show:
    """Return the display for this terminal, or for none."""
    if quiet:
        return Silent()
    return Bars() if sys.stderr.isatty() else Lines()


class Bars:
    """One bar per photo. Names are shown literally; brackets in them are not markup."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.fields[photo]}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[stage]}", markup=False),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        )

    def running(self) -> AbstractContextManager[object]:
        """Draw until the context ends."""
        return self._progress

    def photo(self, name: str) -> PhotoWatch:
        """Add a bar."""
        return _Bar(
            self._progress, self._progress.add_task("", total=1.0, photo=printing.words(name), stage="")
        )


class _Bar:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def at(self, stage: str, fraction: float) -> None:
        self._progress.update(self._task, completed=fraction, stage=printing.words(_OURS.get(stage, stage)))

    def end(self, *, good: bool) -> None:
        if good:
            self._progress.update(self._task, completed=1.0, stage="done")
        else:
            self._progress.update(self._task, stage="failed")
            self._progress.stop_task(self._task)


class Lines:
    """One line whenever a photo enters a stage."""

    def running(self) -> AbstractContextManager[object]:
        """Return an empty context."""
        return nullcontext()

    def photo(self, name: str) -> PhotoWatch:
        """Return the printer of the photo's lines."""
        return _Line(name)


class _Line:
    def __init__(self, name: str) -> None:
        self._name, self._last = name, ""

    def at(self, stage: str, fraction: float) -> None:
        del fraction  # a line shows the stage only
        if stage != self._last:
            self._last = stage
            printing.line(f"{printing.words(self._name)}: {_OURS.get(stage, stage)}", err=True)

    def end(self, *, good: bool) -> None:
        self.at("done" if good else "failed", 1.0)


class Silent:
    """Shows nothing; the same object serves for all photos."""

    def running(self) -> AbstractContextManager[object]:
        """Return an empty context."""
        return nullcontext()

    def photo(self, name: str) -> PhotoWatch:
        """Return this object, which ignores all progress."""
        del name
        return self

    def at(self, stage: str, fraction: float) -> None:
        """Ignore it."""

    def end(self, *, good: bool) -> None:
        """Ignore it."""
