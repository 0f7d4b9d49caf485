"""The base of every error of the project; the class decides between retry and dead letter."""

from __future__ import annotations


class SharpstreamError(Exception):
    """The base of all errors of the project.

    ``code`` is stable and machine-readable; ``message`` is a sentence for people that says what to do.
    """

    code = "internal"

    def __init__(self, message: str, *, code: str | None = None, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        if code is not None:
            self.code = code


class TransientError(SharpstreamError):
    """An external failure that may pass: retried with growing delay, then parked."""

    code = "temporarily_unavailable"


class PermanentError(SharpstreamError):
    """The input itself cannot be processed: never retried; the job ends as failed with this code."""

    code = "unprocessable"


class UndecodableError(PermanentError):
    """A record whose headers or body do not follow the contract: parked in the dead-letter topic."""

    code = "undecodable"


class FencedError(SharpstreamError):
    """A successor has taken over this writer: end the process; the supervisor starts a fresh one."""

    code = "fenced"


class ConfigurationError(SharpstreamError):
    """A setting is missing or wrong: the process does not start; the message names it and the fix."""

    code = "configuration"
