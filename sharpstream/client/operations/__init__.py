"""The API's operations, each a function that returns a `Call`; one file per subject."""

from sharpstream.client.operations import accounts, exports, partners, records, scenes, shares, webhooks

__all__ = ["accounts", "exports", "partners", "records", "scenes", "shares", "webhooks"]
