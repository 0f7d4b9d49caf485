"""HTTP as this gateway speaks it: errors as problems, paging, middleware, the OpenAPI document's helpers."""
