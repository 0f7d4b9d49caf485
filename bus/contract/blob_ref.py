"""References to objects of the blob store: `BlobRef` in messages, and the format of a stored URL.

The key of a `BlobRef` is within the installation's one bucket. Database columns hold the URL
``s3://bucket/key``; only this module builds and parses it.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from uuid import UUID

from msgspec import Struct

URL_PREFIX: Final = "^s3://[^/]+/"
"""Regular expression, in Python's and in Postgres' syntax: the part of a stored URL before the key."""
_URL: Final = re.compile(URL_PREFIX)


def owner_of(key: str) -> UUID | None:
    """Return the id of the job in whose folder the object lies; None for a key of another form."""
    try:
        return UUID(key.split("/")[1])
    except (IndexError, ValueError):
        return None


class BlobRef(Struct, frozen=True, kw_only=True):
    """A reference to stored bytes. ``sha256`` is lower-case hex of the whole object."""

    key: str
    sha256: str
    bytes: int
    media_type: str

    def url(self, bucket: str) -> str:
        """Return the URL to store: ``s3://bucket/key``."""
        return BlobLocation(bucket, self.key).url


class BlobLocation(NamedTuple):
    """The bucket and key of an object in the blob store."""

    bucket: str
    key: str

    @property
    def url(self) -> str:
        """``s3://bucket/key``."""
        return f"s3://{self.bucket}/{self.key}"

    @classmethod
    def parse(cls, url: str) -> BlobLocation:
        """Return the location of a stored URL. Raises `ValueError` for any other."""
        found = _URL.match(url)
        if found is None or found.end() == len(url):
            raise ValueError(f"not a stored blob URL: {url[:200]!r}")
        return cls(url[len("s3://") : found.end() - 1], url[found.end() :])
