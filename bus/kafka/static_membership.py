"""Static membership that ends when a namesake has taken the place: a woken process must not take it back.

aiokafka 0.14 forgets its member id at the first "unknown member" and asks to join by its name alone. Kafka
takes that for a restart of the same worker and throws the member out that has the name now, who then does
the same: two processes of one name took the place from each other at every heartbeat, for ever. Here the id
is kept until Kafka, asked with id and name together, says which it is: ``UNKNOWN_MEMBER_ID``, nobody came
(join anew), or ``FENCED_INSTANCE_ID``, somebody did (raise). aiokafka does not know the latter.

And a restarted worker, which joins by its name alone, gets from Kafka what its predecessor had, whatever
topics there are by now; was that one the leader, nobody looks for new ones from then on. So it joins once
more, by id.
"""

from __future__ import annotations

from typing import Any, Final

from aiokafka import errors
from aiokafka.consumer import consumer, group_coordinator
from aiokafka.errors import BrokerResponseError, KafkaError, UnknownMemberIdError
from aiokafka.protocol.group import JoinGroupRequest


class FencedInstanceIdError(BrokerResponseError):  # type: ignore[misc]
    """Another process has joined the group under this one's name: end the process."""

    errno = 82
    message = "FENCED_INSTANCE_ID"
    description = "Another process has joined the group under the same name."


class Member(group_coordinator.GroupCoordinator):  # type: ignore[misc]
    """A member of a group. Its listener's ``on_fenced``, where there is one, is told too."""

    _unknown = False
    """Whether Kafka knows nothing of our id, and of nobody else with our name."""
    _leads = False
    """Whether the last join made us the one who assigns, and who watches the topics."""

    def reset_generation(self) -> None:
        """Join again; as somebody new only where that takes nobody's place."""
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
        return response

    async def _do_rejoin_group(self, subscription: Any) -> bool:
        by_name = self._group_instance_id is not None and not self.member_id
        try:
            joined = bool(await super()._do_rejoin_group(subscription))
        except KafkaError as error:  # whose text is all that aiokafka leaves of the answer
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
