"""Keeps deploy/images.lock: by which digests the images of others are used.

``python deploy/images.py update`` asks their registries and writes the digests with today's date; ``check``
ends with status 1 where a digest is missing or older than 30 days; ``build-args`` prints what a build needs,
one argument a line, and ``environment`` the lines for .env by which compose.yaml runs exactly these. It needs
nothing but Python.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

LOCK: Final = Path(__file__).with_name("images.lock")
OLDEST_DAYS: Final = 30
BUILT_FROM: Final = ("python", "node")
"""The names that the Dockerfile takes; compose.yaml runs the others."""
EMPTY: Final = "-"
REMEDY: Final = "run: python deploy/images.py update"
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_IMAGE: Final = re.compile(r"[a-z0-9][a-z0-9._:/-]*:[A-Za-z0-9._-]+")
_HUB: Final = "registry-1.docker.io"
"""Where images without a host are."""
_KINDS: Final = (
    "application/vnd.oci.image.index.v1+json,application/vnd.docker.distribution.manifest.list.v2+json"
)
"""An index of all platforms, never the manifest of one of them."""
_MOST_BYTES: Final = 4 * 1024**2
_TIMEOUT_S: Final = 30


class ImagesError(Exception):
    """The lock or a registry's answer is wrong; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the lock. ``digest`` and ``day`` are None until they were looked up."""

    name: str
    image: str
    digest: str | None = None
    day: date | None = None

    @property
    def pinned(self) -> str:
        """Return the image by its digest. Raises `ImagesError` without one."""
        if self.digest is None:
            raise ImagesError(
                f"{self.name} ({self.image}) has no digest; run: python deploy/images.py update"
            )
        return f"{self.image}@{self.digest}"

    @property
    def variable(self) -> str:
        """Return the name of the build argument, or of the key in .env."""
        return f"IMAGE_{self.name.upper()}"


def parsed(text: str) -> list[Entry]:
    """Return the entries of a lock. Raises `ImagesError` that names a wrong line."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        entry = _entry(line.split())
        if entry is None:
            raise ImagesError(
                f"line {number} of the lock is not `name image:tag digest date`, with - for what is not known"
            )
        found.append(entry)
    return found


def _entry(fields: Sequence[str]) -> Entry | None:
    if len(fields) != 4:
        return None
    name, image, digest, day = fields
    if not _IMAGE.fullmatch(image) or not (digest == EMPTY or _DIGEST.fullmatch(digest)):
        return None
    try:
        day_of = None if day == EMPTY else date.fromisoformat(day)
    except ValueError:
        return None
    return Entry(name, image, None if digest == EMPTY else digest, day_of)


def written(text: str, entries: Iterable[Entry]) -> str:
    """Return the lock's text with these entries in the lines of their names; comments stay."""
    known = {entry.name: entry for entry in entries}
    lines = []
    for line in text.splitlines():
        entry = None if line.startswith("#") or not line.strip() else known[line.split()[0]]
        lines.append(line if entry is None else _line(entry))
    return "\n".join(lines) + "\n"


def _line(entry: Entry) -> str:
    return f"{entry.name:<11} {entry.image:<48} {entry.digest or EMPTY} {entry.day or EMPTY}"


def problems(entries: Iterable[Entry], today: date) -> Iterator[str]:
    """Yield a sentence for each entry that may not be built from or run."""
    for entry in entries:
        if entry.digest is None or entry.day is None:
            yield f"{entry.name} ({entry.image}) has no digest; {REMEDY}"
        elif (today - entry.day).days > OLDEST_DAYS:
            said = f"{entry.name} ({entry.image}) was looked up on {entry.day}"
            yield f"{said}, more than {OLDEST_DAYS} days ago; {REMEDY}"
        elif entry.day > today:
            yield f"{entry.name} ({entry.image}) was looked up on {entry.day}, which is still to come"


def digest_of(image: str) -> str:
    """Return the digest that the registry has for the image's tag now. Raises `ImagesError`."""
    host, repository, tag = _parts(image)
    scheme = "http" if host.partition(":")[0] in {"127.0.0.1", "localhost"} else "https"
    address = f"{scheme}://{host}/v2/{repository}/manifests/{tag}"
    try:
        try:
            body, said = _get(address, {"Accept": _KINDS})
        except urllib.error.HTTPError as error:
            if error.code != 401:
                raise
            token = _token(error.headers.get("WWW-Authenticate", ""), repository)
            body, said = _get(address, {"Accept": _KINDS, "Authorization": f"Bearer {token}"})
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise ImagesError(f"{image}: the registry {host} did not give a manifest: {error}") from error
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    if said not in {None, digest}:
        raise ImagesError(f"{image}: the registry says {said}, its manifest is {digest}; nothing was written")
    return digest


def _parts(image: str) -> tuple[str, str, str]:
    name, _, tag = image.rpartition(":")
    host, slash, rest = name.partition("/")
    if slash and ("." in host or ":" in host or host == "localhost"):
        return host, rest, tag
    return _HUB, name if slash else f"library/{name}", tag


def _get(address: str, headers: dict[str, str]) -> tuple[bytes, str | None]:
    request = urllib.request.Request(address, headers=headers)  # noqa: S310  (http for this machine alone)
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
        body: bytes = answer.read(_MOST_BYTES + 1)
        if len(body) > _MOST_BYTES:
            raise ValueError(f"it is larger than {_MOST_BYTES} bytes")
        return body, answer.headers.get("Docker-Content-Digest")


def _token(challenge: str, repository: str) -> str:
    """Return a token to read a public repository, as the registry's challenge says where."""
    fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    realm = urllib.parse.urlsplit(fields.get("realm", ""))
    if not challenge.startswith("Bearer ") or realm.scheme not in {"http", "https"}:
        raise ValueError("it wants a login")
    asked = {"service": fields.get("service", ""), "scope": f"repository:{repository}:pull"}
    body, _ = _get(f"{realm.geturl()}?{urllib.parse.urlencode(asked)}", {})
    answer = json.loads(body)
    token = answer.get("token") or answer.get("access_token")
    if not isinstance(token, str):
        raise ValueError("it gave no token")  # noqa: TRY004  (an answer of another, not an argument)
    return token


def main(arguments: Sequence[str] | None = None, *, lock: Path = LOCK) -> int:
    """Run one command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python deploy/images.py", description=__doc__)
    parser.add_argument("command", choices=("check", "update", "build-args", "environment"))
    command = parser.parse_args(arguments).command
    today = datetime.now(UTC).date()
    try:
        text = lock.read_text()
        entries = parsed(text)
        if command == "update":
            found = [replace(entry, digest=digest_of(entry.image), day=today) for entry in entries]
            lock.write_text(written(text, found))  # all or nothing: a failed look-up leaves the file as it is
        elif command == "check":
            wrong = list(problems(entries, today))
            sys.stderr.write("".join(f"deploy/images.lock: {each}\n" for each in wrong))
            return 1 if wrong else 0
        else:
            built = command == "build-args"
            chosen = [entry for entry in entries if (entry.name in BUILT_FROM) == built]
            sys.stdout.write("".join(f"{entry.variable}={entry.pinned}\n" for entry in chosen))
    except (ImagesError, OSError) as error:
        sys.stderr.write(f"deploy/images.lock: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
