"""References to objects of the blob store: the claim check that messages carry, and the form of a stored URL.

Messages hold a `BlobRef`, whose key is within the installation's one bucket. Database columns hold the URL
``s3://bucket/key``; this module alone builds and reads it.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from msgspec import Struct

URL_PREFIX: Final = "^s3://[^/]+/"
"""Regular expression, in Python's and in Postgres' syntax: the part of a stored URL before the key."""
_URL: Final = re.compile(URL_PREFIX)


class BlobRef(Struct, frozen=True, kw_only=True):
    """Where the bytes lie: a claim check. ``sha256`` is lower-case hex of the whole object."""

    key: str
    sha256: str
    bytes: int
    media_type: str

    def url(self, bucket: str) -> str:
        """Return the URL to store: ``s3://bucket/key``."""
        return BlobLocation(bucket, self.key).url


class BlobLocation(NamedTuple):
    """An object of the blob store by its place alone."""

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
