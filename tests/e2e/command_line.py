"""The command line in processes that are forked with its modules imported, 0.03 s instead of 0.8 s each."""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from pathlib import Path
from subprocess import CompletedProcess

from sharpstream.cli.main import main

LIMIT_S = 120
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload([__name__])


def run(arguments: tuple[str, ...], environment: dict[str, str], given: str = "") -> CompletedProcess[str]:
    """Run ``sharpstream`` with exactly this environment and ``given`` as its standard input."""
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder) / name) for name in ("in", "out", "err")]
        Path(files[0]).write_text(given)
        process = _forks.Process(target=_command, args=(arguments, environment, files))
        process.start()
        process.join(LIMIT_S)
        if process.exitcode is None:
            process.kill()
            process.join()
        assert process.exitcode is not None
        out, err = (Path(file).read_text() for file in files[1:])
        return CompletedProcess(list(arguments), process.exitcode, out, err)


def _command(arguments: tuple[str, ...], environment: dict[str, str], files: list[str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["sharpstream", *arguments]
    for number, (file, mode) in enumerate(zip(files, "rww", strict=True)):
        with Path(file).open(mode) as opened:
            os.dup2(opened.fileno(), number)
    sys.stdin = os.fdopen(0, closefd=False)  # the forkserver's own is closed
    raise SystemExit(main())
