"""The API's operations, each a function that returns a `Call`; one file a subject."""

from sharpstream.client.operations import accounts, exports, records, scenes, webhooks

__all__ = ["accounts", "exports", "records", "scenes", "webhooks"]
