"""The API's operations, each a function that returns a `Call`; one file per subject."""

from sharpstream.client.operations import (
    accounts,
    by_hand,
    exports,
    keys,
    partners,
    records,
    retention,
    scenes,
    shares,
    webhooks,
)

__all__ = [
    "accounts",
    "by_hand",
    "exports",
    "keys",
    "partners",
    "records",
    "retention",
    "scenes",
    "shares",
    "webhooks",
]
