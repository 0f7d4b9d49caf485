"""The ledger's own errors, besides those of the bus."""

from __future__ import annotations

from bus.runtime.errors import ConfigurationError


class SchemaError(ConfigurationError):
    """The database's schema does not match this release: migrate, or deploy the release that migrated it."""

    code = "schema"
