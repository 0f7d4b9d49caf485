"""Good and bad receivers while gateway and webhook worker are killed under load."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from socket import create_server

import pytest

from sharpstream.client import Client, Retries, ServiceError, verify_webhook
from tests.bus.fleet import seeded
from tests.e2e import photos
from tests.e2e.receiver import Delivery, Receiver
from tests.e2e.running import Running

pytestmark = [pytest.mark.stack, pytest.mark.kill, pytest.mark.drill]
PHOTOS = 16
ENDED = "generation.completed.v1"


def refusing_once() -> Callable[[Delivery], int]:
    """Return an answer function that refuses each event the first time."""
    known: set[str] = set()

    def answer(delivery: Delivery) -> int:
        event = delivery.headers["webhook-id"]
        status = 204 if event in known else 503
        known.add(event)
        return status

    return answer


@pytest.fixture
def flaky() -> Iterator[Receiver]:
    with Receiver(refusing_once()) as made:
        yield made


def received_counts(receiver: Receiver, secret: str) -> Counter[str]:
    """Count the deliveries of each event; raises where a signature is invalid."""
    return Counter(verify_webhook(*each, secret).id for each in list(receiver.received))


@pytest.fixture
def black_hole() -> Iterator[str]:
    """A server that accepts connections and never answers."""
    with create_server(("127.0.0.1", 0), backlog=128) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


def test_receivers_get_every_event_and_an_unresponsive_one_delays_no_other(
    running: Running, receiver: Receiver, flaky: Receiver, black_hole: str, tmp_path: Path
) -> None:
    chance, photo = seeded(), photos.landscape(tmp_path)
    key, lasting = running.credentials["api_key"], Retries(most=40)
    with Client(running.url, key, retries=lasting) as client:
        hooks = [client.create_webhook(one.url, events=[ENDED]) for one in (receiver, flaky)]
        hole = client.create_webhook(black_hole, events=[ENDED])
        page = client.events(limit=500)
        while page.events:
            page = client.events(after=page.next_cursor, limit=500)
        start = page.next_cursor
        streamed: list[str] = []

        def follow() -> None:
            with Client(running.url, key) as own:
                for event in own.stream(after=start, types=[ENDED]):
                    streamed.append(event.id)
                    if len(streamed) >= PHOTOS:
                        return

        def send(_: int) -> str:
            return client.generate(photo).generation_id

        with ThreadPoolExecutor(5) as threads:
            following = threads.submit(follow)
            sent = [threads.submit(send, number) for number in range(PHOTOS)]
            for _ in range(3):
                role = chance.choice(["gateway", "webhooks"])
                pid = running.kill(role)
                running.wait_for_restart(role, pid)
            jobs = {future.result(timeout=120) for future in sent}
            # No other receiver waits for the black hole: all are done while its deliveries are still pending.
            ended = [client.wait(job, timeout_s=120).status for job in jobs]
            following.result(timeout=60)
        assert ended == ["completed"] * PHOTOS
        assert {one.status for one in client.deliveries(hole.id).items} <= {"pending"}

        logged: list[str] = []
        page = client.events(after=start, types=[ENDED], limit=500)
        while page.events:
            logged += [event.id for event in page.events]
            page = client.events(after=page.next_cursor, types=[ENDED], limit=500)
        assert len(logged) == len(set(logged)) == PHOTOS
        assert streamed == logged, "the stream, over all its breaks, is the log"
        for one, hook, times in ((receiver, hooks[0], 1), (flaky, hooks[1], 2)):
            wanted = Counter(dict.fromkeys(logged, times))
            found = running.wait(partial(received_counts, one, hook.secret), wanted.__le__, 120)
            assert set(found) == set(logged), "nothing that is not in the log"
        for hook in [*hooks, hole]:
            client.delete_webhook(hook.id)
        with pytest.raises(ServiceError, match="no webhook"):
            client.webhook(hole.id)
