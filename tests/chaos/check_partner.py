"""Checks a partner's topics against the guarantees to partners. Duplicate records count each time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Final

from tests.chaos.evidence import Evidence, Fault, Heard
from tests.chaos.load import ENDPOINT

ANSWERS: Final = frozenset({"generation.requested.v1", "command.rejected.v1"})
ENDINGS: Final = frozenset({"generation.completed.v1", "generation.failed.v1", "generation.cancelled.v1"})
NO_ROOM: Final = "quota_in_flight"


def judge_partner(found: Evidence) -> Iterable[Fault]:
    """Return every fault found."""
    yield from _commands(found)
    yield from _topic(found)
    yield from _bytes(found)
    yield from _reader(found)


def _commands(found: Evidence) -> Iterable[Fault]:
    mine = found.partner
    there = {sent.ce_id for sent in mine.commands}
    for ce_id in sorted(mine.acknowledged - there):
        yield Fault("lost", f"Kafka had the command {ce_id}, and it is not there any more")
    answers: dict[str, list[Heard]] = defaultdict(list)
    ended = Counter(heard.generation for heard in mine.events if heard.type in ENDINGS)
    for heard in mine.events:
        if heard.type in ANSWERS and heard.command:
            answers[heard.command].append(heard)
    for ce_id in sorted(there):
        if not answers[ce_id]:
            yield Fault("lost", f"the command {ce_id} has no answer")
            continue
        if len(answers[ce_id]) > 1:
            yield Fault("twice", f"the command {ce_id} has {len(answers[ce_id])} answers")
        answer = answers[ce_id][0]
        accepted = answer.type == "generation.requested.v1"
        if accepted != mine.good.get(ce_id) and answer.code != NO_ROOM:
            yield Fault("wrong", f"the command {ce_id} was answered with {answer.type} {answer.code}")
        if accepted and ended[answer.generation] != 1:
            kind = "twice" if ended[answer.generation] else "lost"
            times = ended[answer.generation]
            yield Fault(kind, f"the command {ce_id} was accepted and has {times} endings for the partner")
    for ce_id in sorted(answers.keys() - there):
        if answers[ce_id]:
            yield Fault("wrong", f"the command {ce_id} is answered and was never sent")


def _topic(found: Evidence) -> Iterable[Fault]:
    """The topic has the account's events in the order of the log, none twice.

    The account made its key just before it became a partner, so that event may be in the topic or not.
    """
    mine = [each for each in found.log if each.account_id == found.partner.account]
    in_log = list(dict.fromkeys(each.event_id for each in mine))
    early = {each.event_id for each in mine if each.type == "api_key.created.v1"}
    heard = Counter(each.event_id for each in found.partner.events)
    for event, times in heard.items():
        if times > 1:
            yield Fault("twice", f"the event {event} is {times} times in the partner's topic")
    lost, wrong = set(in_log) - set(heard) - early, set(heard) - set(in_log)
    for event in sorted(lost):
        yield Fault("lost", f"the event {event} is not in the partner's topic")
    for event in sorted(wrong):
        yield Fault("wrong", f"the partner was told of {event}, the log knows nothing")
    if not lost and not wrong and list(heard) != [event for event in in_log if event in heard]:
        yield Fault("wrong", "the partner's topic has another order than the log")


def _bytes(found: Evidence) -> Iterable[Fault]:
    log = {logged.event_id: logged for logged in found.log}
    hooked = {one.event_id: one.digest for one in found.deliveries if one.hook == ENDPOINT}
    same_account = found.endpoint_account == found.partner.account
    for heard in found.partner.events:
        logged = log.get(heard.event_id)
        if logged is not None and (logged.type, logged.data) != (heard.type, heard.data):
            yield Fault("wrong", f"the event {heard.event_id} has other bytes in the partner's topic")
        if same_account and hooked.get(heard.event_id, heard.digest) != heard.digest:
            yield Fault("wrong", f"the event {heard.event_id} has other bytes in the webhook")


def _reader(found: Evidence) -> Iterable[Fault]:
    """Committed records that were read once do not vanish, change or repeat."""
    there = {heard.offset: heard.digest for heard in found.partner.events}
    offsets = [offset for offset, _ in found.partner.seen]
    if offsets != sorted(set(offsets)):
        yield Fault("twice", "the partner's reader met an offset twice")
    for offset, digest in found.partner.seen:
        if there.get(offset) != digest:
            yield Fault("lost", f"the partner had read offset {offset}, and now something else is there")
    for offset in sorted(there.keys() - set(offsets)):
        yield Fault("lost", f"the partner's reader went past offset {offset}")
