"""What each role may do in Kafka and in the object store, as data: least privilege, in one table.

A role has a user of its own in Kafka, in Postgres (`ledger.db.grants`) and in the store, so that one whose
process is taken over reaches no more than it needs. The one-machine stack, `compose.yaml` and
`gateway.partners.role_users` read these tables. The groups' names are their defaults, ``sharpstream.<role>``;
a group of another name needs a right of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from bus.contract import topics
from bus.contract.topics import Topic

ROLES: Final = ("gateway", "relay", "webhooks", "partners", "inference", "export", "ledger")
USER_PREFIX: Final = "sharpstream-"
"""A role's user in Kafka, and its access key in the store, is this and the role's name."""

Kind = Literal["topic", "group", "transactional_id", "cluster"]


@dataclass(frozen=True, slots=True)
class KafkaRight:
    """Operations on one resource, or with ``prefixed`` on all whose name begins with ``name``."""

    kind: Kind
    name: str
    operations: tuple[str, ...]
    prefixed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreRights:
    """Key prefixes in the bucket; "" is the whole bucket. ``lists``: whether it may list keys."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    lists: bool = False


def user(role: str) -> str:
    """Return the name of a role's user in Kafka, and of its access key in the store."""
    return f"{USER_PREFIX}{role}"


def second_user(role: str) -> str:
    """Return the name of the role's second user, with the same rights, while a password is being changed."""
    return f"{user(role)}-second"


_GROUPS: Final = {role: f"sharpstream.{role}" for role in ROLES}
_COMMANDS: Final = (
    topics.COMMANDS_INTERACTIVE,
    topics.COMMANDS_BULK,
    topics.EXPORT_COMMANDS,
    topics.BACKGROUND_COMMANDS,
)


def _topics(operation: str, *chosen: Topic) -> tuple[KafkaRight, ...]:
    return tuple(KafkaRight("topic", topic.name, (operation,)) for topic in chosen)


def _declared(role: str) -> tuple[KafkaRight, ...]:
    """Return the rights to write and read that the topics' declarations give to a role."""
    written = [topic for topic in topics.ALL if role in topic.producers]
    read = [topic for topic in topics.ALL if role in topic.consumers]
    return _topics("write", *written) + _topics("read", *read)


def _group(name: str, *operations: str) -> tuple[KafkaRight, ...]:
    return (KafkaRight("group", name, operations or ("read",), prefixed=True),)


def _transactions(name: str) -> tuple[KafkaRight, ...]:
    """Return the right to the transactional ids of a group's partitions."""
    return (KafkaRight("transactional_id", name, ("write", "describe"), prefixed=True),)


_PRODUCER: Final = KafkaRight("cluster", "kafka-cluster", ("idempotent_write",))
"""To open a producer, which FastStream's broker does; it writes to no topic."""


def _worker(role: str) -> tuple[KafkaRight, ...]:
    return _declared(role) + _group(_GROUPS[role]) + _transactions(_GROUPS[role])


KAFKA: Final[dict[str, tuple[KafkaRight, ...]]] = {
    # It administers partners: their users and rights (alter), quotas (alter_configs) and topics. A user
    # that may alter rights may give itself any, so this one is nearly an administrator.
    "gateway": (
        *_declared("gateway"),
        *_topics("describe", *_COMMANDS),
        *_group(_GROUPS["inference"], "describe"),
        KafkaRight("cluster", "kafka-cluster", ("alter", "alter_configs", "describe", "describe_configs")),
        KafkaRight("topic", "partner.", ("create", "delete", "describe", "alter_configs"), prefixed=True),
        KafkaRight("group", "partner.", ("describe", "delete"), prefixed=True),
    ),
    "relay": (
        *_declared("relay"),
        *_topics("read", topics.RELAY_CURSOR),
        *_group(_GROUPS["relay"]),
        *_transactions(_GROUPS["relay"]),
    ),
    "webhooks": (*_topics("read", topics.EVENTS), *_group(_GROUPS["webhooks"]), _PRODUCER),
    # A pattern cannot say "commands topics alone", so it may also read events of partners, its own work.
    "partners": (*_worker("partners"), KafkaRight("topic", "partner.", ("read", "write"), prefixed=True)),
    "inference": _worker("inference"),
    "export": _worker("export"),
    # It ends lost jobs: it takes over the inputs of the workers, whose ids and groups it uses for that.
    "ledger": (
        _PRODUCER,
        *_declared("ledger"),
        *_group(_GROUPS["ledger"]),
        *(right for topic in _COMMANDS for right in _topics("read", topic)),
        *_topics(
            "read", *topics.GENERATION_RETRIES, *topics.EXPORT_RETRIES, *topics.BACKGROUND_RETRIES,
            topics.BACKGROUND_ENDINGS, topics.GENERATION_DEAD, topics.EXPORT_DEAD, topics.PARTNERS_DEAD,
        ),
        *_group(_GROUPS["inference"]),
        *_group(_GROUPS["export"]),
        *_group(_GROUPS["partners"], "describe"),  # it measures the lag of all groups
        *_transactions(_GROUPS["inference"]),
        *_transactions(_GROUPS["export"]),
    ),
}  # fmt: skip
"""Role -> its rights. Reading or writing a topic implies describing it; everything else is denied."""

STORE: Final[dict[str, StoreRights]] = {
    # It removes objects of every kind, and lists them to find orphans.
    "gateway": StoreRights(reads=("",), writes=("",), lists=True),
    "relay": StoreRights(),
    "webhooks": StoreRights(),
    "partners": StoreRights(reads=("originals/", "uploads/"), writes=("originals/",)),
    "inference": StoreRights(reads=("originals/",), writes=("results/",)),
    "export": StoreRights(reads=("originals/", "results/", "exports/"), writes=("exports/",)),
    "ledger": StoreRights(),
}
"""Role -> its rights in the bucket. Writing includes deleting. A role without any gets no key."""
