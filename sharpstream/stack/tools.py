"""``python -m sharpstream.stack.tools``: names the programs that `make up` installs as wheels, a line each.

A Java for Kafka, and a Node where the page has to be built, if the machine has none that is new enough.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from sharpstream.stack import java, web_build
from sharpstream.stack.errors import MissingToolError


def missing() -> list[str]:
    """Return what is needed and not there: `java`, `node`."""
    needed: dict[str, Callable[[], object]] = {"java": java.java}
    if web_build.note():  # 206 MB that a page which is built does not need
        needed["node"] = web_build.npm
    return [name for name, find in needed.items() if not _there(find)]


def _there(find: Callable[[], object]) -> bool:
    try:
        find()
    except MissingToolError:
        return False
    return True


if __name__ == "__main__":
    sys.stdout.writelines(f"{name}\n" for name in missing())
