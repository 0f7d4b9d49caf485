"""What can go wrong in the ledger beyond the bus: a schema that does not fit."""

from __future__ import annotations

from bus.runtime.errors import ConfigurationError


class SchemaError(ConfigurationError):
    """The database's schema is not the one of this release: migrate, or deploy the release that did."""

    code = "schema"
