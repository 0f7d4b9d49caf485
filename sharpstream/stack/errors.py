"""What can go wrong on a person's machine; the message is the one sentence that they see."""

from __future__ import annotations

from bus.runtime.errors import SharpstreamError


class StackError(SharpstreamError):
    """The stack cannot start or go on; the message says what to do."""

    code = "stack"


class MissingToolError(StackError):
    """A program that has to be installed is not."""

    code = "missing_tool"


class PortTakenError(StackError):
    """Somebody else listens on a port that may not be chosen anew."""

    code = "port_taken"


class DiskFullError(StackError):
    """There is too little room for the servers' data."""

    code = "disk_full"


class StartError(StackError):
    """A part ended or did not become ready; its log says why."""

    code = "start_failed"
