"""The judge finds each kind of fault; of sound evidence it says nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chaos.check import Evidence, Told, judge
from tests.chaos.load import ENDPOINT, PER_REQUEST
from tests.chaos.receiver import Delivery

REQUESTED = Told("e-0", "generation.requested.v1", "g", "a")
COMPLETED = Told("e-1", "generation.completed.v1", "g", "a")
FAILED_EXPORT = Told("e-2", "export.failed.v1", "x", "a")


def sound() -> Evidence:
    """One scene and one export that ended, told to both hooks."""
    return Evidence(
        accepted={"g"},
        accepted_exports={"x"},
        log=[REQUESTED, COMPLETED, FAILED_EXPORT],
        scenes={"g": "completed"},
        exports={"x": "failed"},
        views={"p": "completed", "v": "failed"},
        view_log=[Told("e-5", "export.completed.v1", "p", "a"), Told("e-6", "export.failed.v1", "v", "a")],
        usage=["e-1"],
        event_log=["e-0", "e-1", "e-2"],
        endpoint_account="a",
        with_webhook={"g"},
        deliveries=[
            *(Delivery(ENDPOINT, f"w-{n}", f"e-{n}", "d") for n in range(3)),
            Delivery(PER_REQUEST, "w-9", "e-1", "d"),
        ],
        waiting={"outbox": 0},
        objects={"originals/g/1", "results/g/1"},
        named={"originals/g/1", "results/g/1"},
    )


def test_sound_evidence_has_no_fault() -> None:
    assert judge(sound()) == []


def test_a_webhook_delivered_twice_under_one_id_is_no_fault() -> None:
    found = sound()
    found.deliveries.append(found.deliveries[0])
    assert judge(found) == []


SPOILT: dict[str, tuple[str, str, Callable[[Evidence], object]]] = {
    "a doubled terminal event": (
        "twice", "2 terminal events",
        lambda e: e.log.append(Told("e-3", "generation.failed.v1", "g", "a")),
    ),
    "a doubled record": ("twice", "2 times in Kafka", lambda e: e.log.append(COMPLETED)),
    "a missing terminal event": ("lost", "no terminal event", lambda e: e.log.remove(COMPLETED)),
    "a missing export event": ("lost", "the export x has no", lambda e: e.log.remove(FAILED_EXPORT)),
    "a 202 without a row": ("lost", "has no row", lambda e: e.accepted.add("gone")),
    "an event without a row": ("wrong", "ended and has no row", lambda e: e.scenes.clear()),
    "a status that is not the event's": ("wrong", "but the log says", lambda e: e.scenes.update(g="failed")),
    "an event that the ledger missed": ("lost", "not in the ledger", lambda e: e.event_log.remove("e-1")),
    "an event that the ledger made up": ("wrong", "Kafka has not", lambda e: e.event_log.append("e-7")),
    "usage that is missing": ("lost", "not in the usage", lambda e: e.usage.clear()),
    "usage that is double": ("twice", "in the usage", lambda e: e.usage.append("e-1")),
    "usage of nothing": ("twice", "in the usage", lambda e: e.usage.append("e-2")),
    "a rebuild that differs": ("wrong", "rows differ", lambda e: setattr(e, "differences", 1)),
    "a broken invariant": ("wrong", "invariant", lambda e: e.invariants.append("a rule")),
    "an undelivered webhook": ("lost", "was not told", lambda e: e.deliveries.pop()),
    "an undelivered endpoint": ("lost", "was not told", lambda e: e.deliveries.pop(0)),
    "a delivery of nothing": (
        "wrong", "knows nothing", lambda e: e.deliveries.append(Delivery(ENDPOINT, "w", "e-8", "d")),
    ),
    "a delivery under two ids": (
        "twice", "under 2 ids", lambda e: e.deliveries.append(Delivery(ENDPOINT, "w-8", "e-1", "d")),
    ),
    "two bodies under one id": (
        "wrong", "2 bodies", lambda e: e.deliveries.append(Delivery(ENDPOINT, "w-1", "e-1", "other")),
    ),
    "a job that hangs": ("stuck", "still processing", lambda e: e.scenes.update(h="processing")),
    "an export that hangs": ("stuck", "still pending", lambda e: e.exports.update(y="pending")),
    "a view that was never ordered": ("lost", "not two each", lambda e: e.views.popitem()),
    "a view without an ending": ("lost", "the export v has no", lambda e: e.view_log.pop()),
    "a view that ended twice": ("twice", "2 terminal events", lambda e: e.view_log.append(e.view_log[0])),
    "a full outbox": ("stuck", "3 in outbox", lambda e: e.waiting.update(outbox=3)),
    "an orphan blob": ("leaked", "belongs to nobody", lambda e: e.objects.add("results/g/2")),
    "a missing blob": ("lost", "not in the store", lambda e: e.objects.remove("results/g/1")),
}  # fmt: skip


@pytest.mark.parametrize("what", SPOILT)
def test_it_finds(what: str) -> None:
    kind, words, spoil = SPOILT[what]
    found = sound()
    spoil(found)
    assert [fault for fault in judge(found) if fault.kind == kind and words in fault.what]
