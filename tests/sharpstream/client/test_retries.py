from __future__ import annotations

import math

import pytest

from sharpstream.client.errors import UNREACHABLE, ServiceError
from sharpstream.client.following import Following
from sharpstream.client.request import Call
from sharpstream.client.retries import Retries

GET: Call[None] = Call(method="GET", path="/", answer=None)
POST: Call[None] = Call(method="POST", path="/", answer=None, repeatable=False)


def tried(call: Call[None], error: ServiceError, rules: Retries | None = None) -> int:
    """Return the number of retries of a call that always fails with this error."""
    attempts = (rules or Retries()).begin(call)
    for number in range(100):
        try:
            attempts.pause(error)
        except ServiceError:
            return number
    return 100


@pytest.mark.parametrize(
    ("error", "of_get", "of_post"),
    [
        (ServiceError(UNREACHABLE, "broken off"), 4, 0),
        (ServiceError(UNREACHABLE, "refused", never_sent=True), 4, 4),
        (ServiceError("busy", "later", status=503), 4, 4),
        (ServiceError("internal", "hm", status=500), 4, 0),
        (ServiceError("bad_gateway", "hm", status=502), 4, 0),
        (ServiceError("idempotency_in_progress", "hm", status=409), 4, 0),
        (ServiceError("not_found", "no", status=404), 0, 0),
        (ServiceError("scene_ended", "no", status=409), 0, 0),
    ],
)
def test_only_what_does_no_harm_is_sent_again(error: ServiceError, of_get: int, of_post: int) -> None:
    assert (tried(GET, error), tried(POST, error)) == (of_get, of_post)


def test_retry_after_is_honoured_up_to_the_longest_wait() -> None:
    error = ServiceError("rate_limited", "later", status=429, retry_after_s=10)
    assert tried(POST, error, Retries(most=0, max_wait_s=35)) == 3
    assert tried(POST, error, Retries(most=0, max_wait_s=math.inf)) == 100
    assert Retries().begin(POST).pause(error) >= 10


def test_pauses_grow_and_are_reported() -> None:
    pauses: list[float] = []
    attempts = Retries(most=6, on_pause=lambda _, pause: pauses.append(pause)).begin(GET)
    for _ in range(6):
        attempts.pause(ServiceError(UNREACHABLE, "away"))
    assert len(pauses) == 6
    assert pauses[0] <= 0.25
    assert 2.5 <= pauses[-1] <= 5


def test_a_stream_comes_back_no_sooner_than_it_was_asked_to() -> None:
    following = Following("events", ends=False)
    assert following.broke(None) <= 0.25
    busy = ServiceError("overloaded", "later", status=503, retry_after_s=10)
    assert 10 <= following.broke(busy) <= 11
    assert following.broke(None) <= 1
    with pytest.raises(ServiceError):
        following.broke(ServiceError("unauthorized", "no", status=401))
