"""Runs one of our own commands to its end, as a process of this stack that is found after a crash."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sharpstream.stack import environment, orphan_processes, process, roles
from sharpstream.stack.errors import StartError
from sharpstream.stack.logfiles import last_line
from sharpstream.stack.process import Launch
from sharpstream.stack.state_dir import Home

Lines = Callable[[str], None]


async def run(
    home: Home, env: Mapping[str, str], *command: str, capture: bool = False, on_line: Lines | None = None
) -> str:
    """Run ``python -m COMMAND``; with ``capture`` return its output, else it is logged.

    ``on_line`` gets each line of a captured output as it comes. Raises `StartError` with the log's last line.
    """
    launch = Launch(
        argv=roles.python(*command), env=environment.of_part(home, "setup") | dict(env), cwd=home.root
    )
    log = home.log("setup")
    with log.open("ab") as output:
        child = await process.spawn(launch, output, capture=capture)
    orphan_processes.note(home, f"setup-{child.pid}", child.pid)
    said: list[str] = []
    try:
        if child.stdout is not None:
            async for line in child.stdout:
                said.append(line.decode(errors="replace"))
                if on_line is not None:
                    on_line(said[-1])
        await child.wait()
    finally:
        await process.stop(child, launch)
        orphan_processes.forget(home, f"setup-{child.pid}")
    if child.returncode != 0:
        raise StartError(
            f"`python -m {' '.join(command)}` failed with exit code {child.returncode}: "
            f"{last_line(log)} (more in {log})"
        )
    return "".join(said)
