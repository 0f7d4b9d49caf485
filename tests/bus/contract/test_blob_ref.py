from __future__ import annotations

import re

import pytest

from bus.contract.blob_ref import URL_PREFIX, BlobLocation, BlobRef


@pytest.mark.parametrize("key", ["originals/1/a", "k", "exports/1/ü ?#.glb", "a/s3://b/c"])
def test_a_stored_url_parses_to_its_key(key: str) -> None:
    url = BlobRef(key=key, sha256="ab" * 32, bytes=1, media_type="image/jpeg").url("splats")
    assert url == f"s3://splats/{key}"
    assert BlobLocation.parse(url) == ("splats", key)
    assert BlobLocation.parse(url).url == url


@pytest.mark.parametrize(
    "url", ["", "splats/k", "s3://", "s3://splats", "s3://splats/", "s3:///k", "http://s/k"]
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="stored blob URL"):
        BlobLocation.parse(url)


def test_the_sql_pattern_strips_the_same_prefix_as_parse() -> None:
    assert re.sub(URL_PREFIX, "", "s3://splats/a/s3://b/c", count=1) == "a/s3://b/c"
