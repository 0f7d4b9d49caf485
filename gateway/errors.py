"""The errors of the gateway's domain: a stable code and a sentence, independent of HTTP.

A REST request ends in a problem with the code's status (`gateway.http.errors`); a partner's command over
Kafka ends in a rejection with the same code (`gateway.partners.acceptance`).
"""

from __future__ import annotations

from bus.runtime.errors import SharpstreamError


class DomainError(SharpstreamError):
    """A request that cannot be served.

    ``code`` is a key of `gateway.http.problems.PROBLEMS`, or one that only partners' rejections carry;
    ``retry_after_s``: seconds after which the same request may succeed, where that is known.
    """

    def __init__(
        self, code: str, message: str, *, retry_after_s: int | None = None, **details: object
    ) -> None:
        super().__init__(message, code=code, **details)
        self.retry_after_s = retry_after_s


class RateLimitedError(DomainError):
    """A request over its rate limit: ``quota`` in ``per_s`` seconds, fully reset in ``reset_s`` seconds."""

    def __init__(
        self, code: str, message: str, *, policy: str, quota: int, per_s: int, remaining: int, reset_s: int
    ) -> None:
        super().__init__(code, message, retry_after_s=reset_s)
        self.policy = policy
        self.quota = quota
        self.per_s = per_s
        self.remaining = remaining
        self.reset_s = reset_s
