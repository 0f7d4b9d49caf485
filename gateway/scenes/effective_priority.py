"""The effective priority of an accepted generation, which decides its command topic and what runs first.

The rule is a database function (``ledger/db/migrations/0013_asked_priority.sql``). It counts under a lock, in
the statement that accepts (`gateway.scenes.accept_generation`): two gateways at once cannot both take an
account's last slot, and the client waits for one round trip. In Python's terms::

    wait until no other acceptance of the account is in progress
    in_flight = the account's generations that are pending or processing
    if len(in_flight) >= max_in_flight:
        return None  # the quota is used up: nothing is accepted
    asked_interactive = those of in_flight that were requested as interactive, whatever priority they got
    return "bulk" if len(asked_interactive) >= interactive_at_once else "interactive"

This applies to requests for interactive. A request for bulk stays bulk and counts only against the quota.
"""

from __future__ import annotations


def effective_priority(*, account: str, max_in_flight: str, interactive_at_once: str) -> str:
    """Return the SQL expression of the rule; each argument is SQL too: a parameter or a column.

    Its value is ``'interactive'``, ``'bulk'``, or null where the quota is used up. The account's row in
    ``users`` stays locked until the end of the transaction.
    """
    return f"in_flight_lane({account}, {max_in_flight}, {interactive_at_once})"
