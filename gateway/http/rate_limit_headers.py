"""The RateLimit and RateLimit-Policy headers (draft-ietf-httpapi-ratelimit-headers)."""

from __future__ import annotations

from typing import Protocol


class RateLimitState(Protocol):
    """The state of one rate limit; `gateway.accounts.rate_limits.Allowance` is one."""

    @property
    def policy(self) -> str:
        """The limit's name."""

    @property
    def quota(self) -> int:
        """Requests in a window."""

    @property
    def per_s(self) -> int:
        """The window, in seconds."""

    @property
    def remaining(self) -> int:
        """Requests left in the window."""

    @property
    def reset_s(self) -> int:
        """Seconds until the limit is fully reset, or until the next request may succeed."""


def rate_limit_headers(state: RateLimitState) -> dict[str, str]:
    """Return the two headers of a response."""
    return {
        "RateLimit-Policy": f'"{state.policy}";q={state.quota};w={state.per_s}',
        "RateLimit": f'"{state.policy}";r={state.remaining};t={state.reset_s}',
    }
