"""Static membership: a fenced member (``FENCED_INSTANCE_ID``) must not rejoin under a new member id.

aiokafka 0.14 discards its member id at the first "unknown member" and rejoins by its instance id alone. Kafka
takes that for a restart of the same worker and fences the current member of that instance id, which then does
the same: two processes with one instance id fenced each other at every heartbeat, for ever. Here the member
id is kept until Kafka, asked with both ids, answers ``UNKNOWN_MEMBER_ID`` (no other member: join anew) or
``FENCED_INSTANCE_ID`` (another member has joined: raise). aiokafka does not know the latter.

A restarted worker, which joins by its instance id alone, gets its predecessor's assignment, even if topics
were added since; if the predecessor was the leader, no member looks for new topics from then on. So the
worker joins once more, with its member id. That assignment may also have topics to which the worker is not
subscribed: deleted ones, or those of another release. aiokafka answers with AssertionError, at every try, so
they are left out.

aiokafka 0.14 also ignores the error of a whole OffsetFetch response, which Kafka sends while a coordinator
loads its group or has lost it. Such a response names no partition. A committed offset then looked like none,
and records were processed again from the beginning. Here the error is raised, and aiokafka asks again.
"""

from __future__ import annotations

from typing import Any, Final

from aiokafka import errors
from aiokafka.consumer import consumer, group_coordinator
from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.errors import BrokerResponseError, GroupLoadInProgressError, KafkaError, UnknownMemberIdError
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.group import JoinGroupRequest


class FencedInstanceIdError(BrokerResponseError):  # type: ignore[misc]
    """Another process has joined the group with this one's instance id: end the process."""

    errno = 82
    message = "FENCED_INSTANCE_ID"
    description = "Another process has joined the group under the same name."


class Member(group_coordinator.GroupCoordinator):  # type: ignore[misc]
    """A member of a group. Calls its listener's ``on_fenced``, where there is one, before it raises."""

    _unknown = False
    """Whether Kafka knows neither this member id nor another member of the instance id."""
    _leads = False
    """Whether the last join made this member the leader, which assigns partitions and watches the topics."""

    def reset_generation(self) -> None:
        """Rejoin; under a new member id only where that fences no other member."""
        if self._group_instance_id is None or self._unknown:
            self._unknown = False
            super().reset_generation()
        else:
            self.generation = -1
            self.request_rejoin()

    async def _send_req(self, request: Any) -> Any:
        response = await super()._send_req(request)
        if isinstance(request, JoinGroupRequest):
            self._unknown = response.error_code == UnknownMemberIdError.errno
            self._leads = response.leader_id == response.member_id
        elif isinstance(request, OffsetFetchRequest) and response.error_code:
            if response.error_code != GroupLoadInProgressError.errno:
                self.coordinator_dead()  # look for it again
            raise errors.for_code(response.error_code)(f"offsets of {self.group_id}")
        return response

    async def _on_join_complete(
        self, generation: int, member_id: str, protocol: str, member_assignment_bytes: bytes
    ) -> None:
        given = ConsumerProtocol.ASSIGNMENT.decode(member_assignment_bytes)
        topics = self._subscription.subscription.topics
        kept = [(topic, partitions) for topic, partitions in given.assignment if topic in topics]
        if len(kept) < len(given.assignment):
            given = ConsumerProtocol.ASSIGNMENT(given.version, kept, given.user_data)
        await super()._on_join_complete(generation, member_id, protocol, given.encode())

    async def _do_rejoin_group(self, subscription: Any) -> bool:
        by_name = self._group_instance_id is not None and not self.member_id
        try:
            joined = bool(await super()._do_rejoin_group(subscription))
        except KafkaError as error:  # aiokafka keeps only the text of the answer
            if FencedInstanceIdError.__name__ not in str(error):
                raise
            fenced = FencedInstanceIdError(f"Another process runs as {self._group_instance_id!r}.")
            listener = self._subscription.listener
            on_fenced = getattr(
                getattr(listener, "listener", listener), _ON_FENCED, None
            )  # FastStream wraps it
            if on_fenced is not None:
                on_fenced(fenced)
            raise fenced from error
        if joined and by_name and not self._leads:
            self.request_rejoin()
        return joined


_ON_FENCED: Final = "on_fenced"

errors.kafka_errors[FencedInstanceIdError.errno] = FencedInstanceIdError
consumer.GroupCoordinator = Member
