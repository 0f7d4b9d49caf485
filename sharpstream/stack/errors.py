"""Errors on a user's machine; the message is the one sentence that they see."""

from __future__ import annotations

from bus.runtime.errors import SharpstreamError


class StackError(SharpstreamError):
    """The stack cannot start or continue; the message says what to do."""

    code = "stack"


class MissingToolError(StackError):
    """A program that has to be installed is not."""

    code = "missing_tool"


class PortTakenError(StackError):
    """Another process listens on a port that must not change."""

    code = "port_taken"


class DiskFullError(StackError):
    """There is too little disk space for the servers' data."""

    code = "disk_full"


class StartError(StackError):
    """A part ended or did not become ready; its log says why."""

    code = "start_failed"
