"""Checks the evidence of a run against the system's guarantees. Pure: takes evidence and returns every fault.

Nothing here removes duplicates before they are counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Final

from tests.chaos.check_partner import judge_partner
from tests.chaos.evidence import Evidence, Fault
from tests.chaos.load import ENDPOINT, PER_REQUEST

SCENE_ENDINGS: Final = frozenset(
    {"generation.completed.v1", "generation.failed.v1", "generation.cancelled.v1"}
)
EXPORT_ENDINGS: Final = frozenset({"export.completed.v1", "export.failed.v1"})
COUNTED: Final = frozenset({"generation.completed.v1", "export.completed.v1", "api_key.created.v1"})


def judge(found: Evidence) -> list[Fault]:
    """Return every fault found; an empty list means none."""
    return [
        *_endings(found),
        *_check_event_log(found),
        *_webhooks(found),
        *_rest(found),
        *_blobs(found),
        *_failures(found),
        *_results(found),
        *judge_partner(found),
    ]


def _endings(found: Evidence) -> Iterable[Fault]:
    opened = len(found.opened)
    if len(found.views) < 2 * opened:  # a redriven job is a third kind
        yield Fault("lost", f"{opened} opened scenes have {len(found.views)} views, not two each")
    for kind, promised, rows, endings, log in (
        ("generation", found.accepted, found.scenes, SCENE_ENDINGS, found.log),
        ("export", found.accepted_exports, found.exports, EXPORT_ENDINGS, found.log),
        ("export", set[str](), found.views, EXPORT_ENDINGS, found.view_log),
    ):
        ended = defaultdict(list)
        requested = {logged.subject for logged in log if logged.type == f"{kind}.requested.v1"}
        for logged in log:
            if logged.type in endings:
                ended[logged.subject].append(logged.type)
        for job in sorted(promised - rows.keys()):
            yield Fault("lost", f"the {kind} {job} was answered with 202 and has no row")
        for job in sorted(requested - rows.keys()):
            yield Fault("lost", f"the {kind} {job} was requested and has no row")
        # Includes the system's own exports: every request ends once.
        for job in sorted(promised | rows.keys() | requested):
            if not ended[job]:
                yield Fault("lost", f"the {kind} {job} has no terminal event in Kafka")
        for job, types in ended.items():
            if len(types) > 1:
                yield Fault("twice", f"the {kind} {job} has {len(types)} terminal events: {types}")
            if types and job in rows and types[0] != f"{kind}.{rows[job]}.v1":
                yield Fault("wrong", f"the {kind} {job} is {rows[job]} but the log says {types[0]}")
            if types and job not in rows:
                yield Fault("wrong", f"the {kind} {job} ended and has no row")


def _check_event_log(found: Evidence) -> Iterable[Fault]:
    in_log = Counter(logged.event_id for logged in found.log)
    for event, times in in_log.items():
        if times > 1:
            yield Fault("twice", f"the event {event} is {times} times in Kafka")
    ledger = Counter(found.event_log)
    for event in sorted(in_log.keys() - ledger.keys()):
        yield Fault("lost", f"the event {event} is not in the ledger")
    for event in sorted(ledger.keys() - in_log.keys()):
        yield Fault("wrong", f"the ledger has the event {event}, Kafka has not")
    usage = Counter(found.usage)
    counted = {logged.event_id for logged in found.log if logged.type in COUNTED}
    for event in sorted(counted - usage.keys()):
        yield Fault("lost", f"the event {event} is not in the usage")
    for event, times in usage.items():
        if times > 1 or event not in counted:
            yield Fault("twice", f"the event {event} is {times} times in the usage, which is too often")
    if found.differences:
        yield Fault("wrong", f"{found.differences} rows differ from a rebuild of the log")
    for rule in found.invariants:
        yield Fault("wrong", f"the invariant {rule} does not hold")


def _webhooks(found: Evidence) -> Iterable[Fault]:
    came = {(one.hook, one.event_id) for one in found.deliveries}
    for logged in found.log:
        to_endpoint = logged.account_id == found.endpoint_account and not logged.type.startswith("api_key.")
        named = logged.subject in found.with_webhook and logged.type in SCENE_ENDINGS
        for hook, wanted in ((ENDPOINT, to_endpoint), (PER_REQUEST, named)):
            if wanted and (hook, logged.event_id) not in came:
                yield Fault("lost", f"the webhook {hook} was not told of {logged.type} {logged.event_id}")
    known = {logged.event_id for logged in found.log}
    ids, digests = defaultdict(set), defaultdict(set)
    for one in found.deliveries:
        ids[one.hook, one.event_id].add(one.webhook_id)
        digests[one.hook, one.webhook_id].add(one.digest)
        if one.event_id not in known:
            yield Fault("wrong", f"the webhook {one.hook} was told of {one.event_id}, Kafka knows nothing")
    for (hook, event), seen in ids.items():
        if len(seen) > 1:
            yield Fault("twice", f"the webhook {hook} was told of {event} under {len(seen)} ids")
    for (hook, webhook_id), seen in digests.items():
        if len(seen) > 1:
            yield Fault("wrong", f"the webhook {hook} got {len(seen)} bodies under the id {webhook_id}")


def _rest(found: Evidence) -> Iterable[Fault]:
    for what, count in found.waiting.items():
        if count:
            yield Fault("stuck", f"{count} in {what}")
    for kind, rows in (("generation", found.scenes), ("export", found.exports | found.views)):
        for job, status in rows.items():
            if status in {"pending", "processing"}:
                yield Fault("stuck", f"the {kind} {job} is still {status}")


def _blobs(found: Evidence) -> Iterable[Fault]:
    for key in sorted(found.objects - found.named):
        yield Fault("leaked", f"the object {key} belongs to nobody")
    for key in sorted(found.named - found.objects):
        yield Fault("lost", f"the object {key} is named by a row and is not in the store")


def _failures(found: Evidence) -> Iterable[Fault]:
    """Only unreadable photos and dead letters may fail. Every other job must be completed."""
    for logged in [*found.log, *found.view_log]:
        failed = logged.type in {"generation.failed.v1", "export.failed.v1"}
        if failed and logged.subject not in found.unreadable | found.dead:
            yield Fault("wrong", f"{logged.subject} failed and nobody knows why: {logged.data!r}")
    completed = {logged.subject for logged in found.log if logged.type == "generation.completed.v1"}
    for job in sorted(found.unreadable & completed):
        yield Fault("wrong", f"the generation {job} was completed from a photo that nobody can read")


def _results(found: Evidence) -> Iterable[Fault]:
    for result in found.results:
        if result.found is None:
            yield Fault("lost", f"the result {result.key} is not in the store")
        elif result.found != result.expected:
            yield Fault("wrong", f"the result {result.key} is not what its event says")
