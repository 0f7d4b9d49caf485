"""Finds Java, and fetches Kafka's jars once for all stacks of this user."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bus.runtime import owned_folder
from bus.runtime.errors import ConfigurationError
from sharpstream.stack.errors import MissingToolError, StackError, StartError

POM: Final = Path(__file__).with_name("pom.xml")
MINIMUM_JAVA: Final = 17  # required by Kafka 4 brokers


def java() -> str:
    """Return the path of a Java that can run Kafka. Raises `MissingToolError`."""
    found = _in_java_home() or shutil.which("java")
    how = f"install Java {MINIMUM_JAVA} or later (Debian and Ubuntu: apt-get install openjdk-17-jre-headless)"
    if found is None:
        raise MissingToolError(f"Kafka needs Java, and there is no `java` on the PATH: {how}.")
    said = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S603
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < MINIMUM_JAVA:
        shown = said.splitlines()[0] if said else "which does not run"
        raise MissingToolError(f"Kafka needs Java {MINIMUM_JAVA}, and {found} is {shown}: {how}.")
    return found


def _in_java_home() -> str | None:
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=Path(home) / "bin") if home else None


def jars() -> Path:
    """Return the folder of Kafka's 45 jars (43 MB), fetched by Maven at the first call.

    Raises `MissingToolError` without Maven, `StartError` with Maven's message when it fails.
    """
    target = _target()
    if target.is_dir():
        return target
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingToolError(
            "Kafka is fetched by Maven, and there is no `mvn` on the PATH: install it "
            "(Debian and Ubuntu: apt-get install maven)."
        )
    with _only_one(target.with_suffix(".lock")):
        if not target.is_dir():
            _fetch(maven, target)
    return target


def fetched() -> bool:
    """Return whether the jars are there."""
    return _target().is_dir()


def _target() -> Path:
    return cache() / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"


def cache() -> Path:
    """Return the user's cache folder, made on demand. Raises `StackError`."""
    try:
        return owned_folder.make(owned_folder.cache())
    except ConfigurationError as error:
        raise StackError(error.message) from error


def _fetch(maven: str, target: Path) -> None:
    """Fill a folder beside ``target`` and rename it, so that a half-filled one is never used."""
    partial = target.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = [maven, "--batch-mode", "--quiet", "--strict-checksums", f"--file={POM}"]
    command += ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={partial}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=target.parent)  # noqa: S603
    if done.returncode != 0 or not partial.is_dir():
        words = [line for line in done.stdout.splitlines() if "ERROR" in line]
        why = words[0] if words else done.stderr.strip()[-300:]
        raise StartError(f"Maven could not fetch Kafka: {why}")
    partial.rename(target)


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
