"""A short run of the fuzz campaign (`make fuzz`): no mutated file crashes the reader or surprises it."""

from __future__ import annotations

import pytest

from tests.photo import fuzz
from tests.photo.mutations import mutated, seeds


def test_mutated_files_are_read_or_refused() -> None:
    whole = seeds()
    found = {fuzz.outcome(mutated(seed, whole)) for seed in range(250)}
    assert {"read", "photo_truncated", "unsupported_media_type"} <= found


@pytest.mark.parametrize("seed", [3539, 4606, 49617, 84023, 84178, 87901])
def test_what_a_long_campaign_found_is_refused(seed: int) -> None:
    """Text and fractions where TIFF has whole numbers; names in HEIF that are no text, which end pi-heif."""
    assert fuzz.run(1, seed)["outcomes"] == {"photo_truncated": 1}


def test_the_same_seed_gives_the_same_file() -> None:
    whole = seeds()
    assert [mutated(seed, whole) for seed in range(50)] == [mutated(seed, whole) for seed in range(50)]


def test_the_campaign_counts_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fuzz.outcome(seeds()[0]) == "read"
    monkeypatch.setattr(fuzz.reader, "check", lambda _: pytest.fail("x"))
    with pytest.raises(pytest.fail.Exception):
        fuzz.outcome(b"")
