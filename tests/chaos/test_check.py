"""`check.judge` finds each kind of fault, and none in sound evidence."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chaos.check import judge
from tests.chaos.evidence import Evidence, Heard, LoggedEvent, PartnerEvidence, Result, Sent
from tests.chaos.load import ENDPOINT, PER_REQUEST
from tests.chaos.receiver import Delivery

REQUESTED = LoggedEvent("e-0", "generation.requested.v1", "g", "a", b"0")
COMPLETED = LoggedEvent("e-1", "generation.completed.v1", "g", "a", b"1")
FAILED_EXPORT = LoggedEvent("e-2", "export.failed.v1", "x", "a", b"2")
REJECTED = LoggedEvent("e-4", "command.rejected.v1", "r", "a", b"4")
HEARD = [
    Heard(0, "e-0", "generation.requested.v1", "c-0", "g", "", b"0", "d"),
    Heard(1, "e-1", "generation.completed.v1", "c-0", "g", "", b"1", "d"),
    Heard(2, "e-2", "export.failed.v1", "", "g", "", b"2", "d"),
    Heard(4, "e-4", "command.rejected.v1", "c-1", "", "command_malformed", b"4", "d"),
]


def sound() -> Evidence:
    """Return a partner's scene, its export and a refusal, delivered to both hooks and the partner."""
    return Evidence(
        accepted={"g"},
        accepted_exports={"x"},
        log=[REQUESTED, COMPLETED, FAILED_EXPORT, REJECTED],
        scenes={"g": "completed"},
        exports={"x": "failed"},
        opened={"g"},
        views={"p": "completed", "v": "failed"},
        view_log=[
            LoggedEvent("e-5", "export.completed.v1", "p", "a"),
            LoggedEvent("e-6", "export.failed.v1", "v", "a"),
        ],
        usage=["e-1"],
        event_log=["e-0", "e-1", "e-2", "e-4"],
        endpoint_account="a",
        with_webhook={"g"},
        deliveries=[
            *(Delivery(ENDPOINT, f"w-{n}", f"e-{n}", "d") for n in (0, 1, 2, 4)),
            Delivery(PER_REQUEST, "w-9", "e-1", "d"),
        ],
        waiting={"outbox": 0},
        objects={"originals/g/1", "results/g/1"},
        named={"originals/g/1", "results/g/1"},
        dead={"x", "v"},
        results=[Result("results/g/1", "hash", "hash")],
        partner=PartnerEvidence(
            account="a",
            good={"c-0": True, "c-1": False},
            acknowledged={"c-0", "c-1"},
            commands=[Sent("c-0", (0, 0)), Sent("c-1", (1, 0)), Sent("c-0", (0, 1))],
            events=list(HEARD),
            seen=[(heard.offset, heard.digest) for heard in HEARD],
        ),
    )


def again(event: int, **other: object) -> Heard:
    """Return an event of the partner again, at the end of its topic, with changed fields."""
    return HEARD[event]._replace(offset=9, **other)


def test_sound_evidence_has_no_fault() -> None:
    assert judge(sound()) == []


def test_a_webhook_delivered_twice_under_one_id_is_no_fault() -> None:
    found = sound()
    found.deliveries.append(found.deliveries[0])
    assert judge(found) == []


SPOILT: dict[str, tuple[str, str, Callable[[Evidence], object]]] = {
    "a doubled terminal event": (
        "twice", "2 terminal events",
        lambda e: e.log.append(LoggedEvent("e-3", "generation.failed.v1", "g", "a")),
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
    "a scene that failed without a reason": (
        "wrong", "nobody knows why",
        lambda e: e.log.append(LoggedEvent("e-3", "generation.failed.v1", "h", "a")),
    ),
    "an export that failed without a reason": ("wrong", "nobody knows why", lambda e: e.dead.clear()),
    "a scene out of nothing": ("wrong", "nobody can read", lambda e: e.unreadable.add("g")),
    "an export that was asked for by nobody and never ends": (
        "lost", "the export y has no terminal",
        lambda e: e.log.append(LoggedEvent("e-5", "export.requested.v1", "y", "a")),
    ),
    "a request in the log without a row": (
        "lost", "was requested and has no row",
        lambda e: e.log.append(LoggedEvent("e-5", "export.requested.v1", "y", "a")),
    ),
    "a result that is gone": (
        "lost", "not in the store", lambda e: e.results.append(Result("results/h/1", "hash", None)),
    ),
    "a result that is another": (
        "wrong", "not what its event says",
        lambda e: e.results.append(Result("results/h/1", "hash", "other")),
    ),
    "a command that Kafka forgot": (
        "lost", "not there any more", lambda e: e.partner.acknowledged.add("c-2"),
    ),
    "a command without an answer": (
        "lost", "c-2 has no answer", lambda e: e.partner.commands.append(Sent("c-2", (0, 2))),
    ),
    "a command with two answers": (
        "twice", "c-1 has 2 answers", lambda e: e.partner.events.append(again(3, event_id="e-9")),
    ),
    "a good command that is refused": (
        "wrong", "was answered with", lambda e: e.partner.good.update({"c-1": True}),
    ),
    "a bad command that is accepted": (
        "wrong", "was answered with", lambda e: e.partner.good.update({"c-0": False}),
    ),
    "an answer to nothing": (
        "wrong", "never sent", lambda e: e.partner.events.append(again(3, command="c-7", event_id="e-9")),
    ),
    "a partner's scene without an ending": (
        "lost", "has 0 endings for the partner", lambda e: e.partner.events.pop(1),
    ),
    "a partner's scene with two endings": (
        "twice", "has 2 endings for the partner",
        lambda e: e.partner.events.append(again(1, event_id="e-9")),
    ),
    "an event that the partner was told twice": (
        "twice", "2 times in the partner's topic", lambda e: e.partner.events.append(again(2)),
    ),
    "an event that the partner was not told": (
        "lost", "not in the partner's topic", lambda e: e.partner.events.pop(2),
    ),
    "an event that only the partner knows": (
        "wrong", "the log knows nothing", lambda e: e.partner.events.append(again(2, event_id="e-9")),
    ),
    "a partner's topic in disorder": (
        "wrong", "another order", lambda e: e.partner.events.reverse(),
    ),
    "a partner's event with other bytes than the log's": (
        "wrong", "other bytes in the partner's topic",
        lambda e: e.partner.events.__setitem__(2, HEARD[2]._replace(data=b"3")),
    ),
    "a partner's event with other bytes than the webhook's": (
        "wrong", "other bytes in the webhook",
        lambda e: e.partner.events.__setitem__(2, HEARD[2]._replace(digest="other")),
    ),
    "a record that was read and is gone": (
        "lost", "something else is there", lambda e: e.partner.seen.append((7, "d")),
    ),
    "a record that was read twice": (
        "twice", "met an offset twice", lambda e: e.partner.seen.append((4, "d")),
    ),
    "a record that the reader missed": ("lost", "went past offset 1", lambda e: e.partner.seen.pop(1)),
    "a missing blob": ("lost", "not in the store", lambda e: e.objects.remove("results/g/1")),
}  # fmt: skip


@pytest.mark.parametrize("what", SPOILT)
def test_each_kind_of_fault_is_found(what: str) -> None:
    kind, words, spoil = SPOILT[what]
    found = sound()
    spoil(found)
    assert [fault for fault in judge(found) if fault.kind == kind and words in fault.what]
