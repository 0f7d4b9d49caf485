"""The effective priority of an accepted generation, which decides its command topic and what runs first.

The rule is a database function (``ledger/db/migrations/0025_held_commands.sql``). It counts under a lock, in
the statement that accepts (`gateway.scenes.accept_generation`): two gateways at once cannot both take an
account's last slot, and the client waits for one round trip. In Python's terms::

    wait until no other acceptance of the account is in progress
    in_flight = the account's generations that are pending or processing
    if len(in_flight) >= max_in_flight:
        return None  # the quota is used up: nothing is accepted
    asked_interactive = those of in_flight that were requested as interactive, whatever priority they got
    if asked == "interactive" and len(asked_interactive) < interactive_at_once:
        return "interactive"
    queued = those of in_flight that are bulk and whose command does not wait in the outbox
    return "held" if len(queued) >= bulk_at_once else "bulk"

A generation that is held is bulk too: its event is published at once, its command once another bulk job of
the account has ended, by a trigger on the job's row. So others that come later stand behind ``bulk_at_once``
jobs of each account and not behind all that one account may send.
"""

from __future__ import annotations


def effective_priority(
    *, account: str, asked: str, max_in_flight: str, interactive_at_once: str, bulk_at_once: str
) -> str:
    """Return the SQL expression of the rule; each argument is SQL too: a parameter or a column.

    Its value is ``'interactive'``, ``'bulk'``, ``'held'``, or null where the quota is used up. The account's
    row in ``users`` stays locked until the end of the transaction.
    """
    return f"accepted_priority({account}, {asked}, {max_in_flight}, {interactive_at_once}, {bulk_at_once})"
