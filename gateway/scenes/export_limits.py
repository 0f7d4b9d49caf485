"""The rate limit of new exports, which refuses them and is shown as used."""

from __future__ import annotations

from typing import Final

from gateway.accounts.quotas import Quota
from gateway.accounts.rate_limits import Policy

BURSTS: Final = 3
"""A third of a minute's exports may begin at once: one of a small scene takes 0.1 s of all parts."""


def exports_policy(quota: Quota) -> Policy:
    """Return the limit: a third of a minute's exports in a third of a minute."""
    return Policy(name="exports", quota=quota.exports_per_minute // BURSTS, per_s=60 // BURSTS)
