"""HTTP conventions of the gateway: problems for errors, paging, middleware, helpers for OpenAPI."""
