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


class HomeError(StackError):
    """The folder of the data cannot hold them."""

    code = "home_unusable"


class DiskFullError(StackError):
    """There is too little disk space for the servers' data."""

    code = "disk_full"


class StartError(StackError):
    """A part ended or did not become ready; its log says why."""

    code = "start_failed"


class DamagedMemoryError(StackError):
    """The file that holds the home's passwords, ports and what was made cannot be read."""

    code = "memory_damaged"


class SettingsError(StackError):
    """The home's ``settings.env``, or a key of the environment, cannot be understood."""

    code = "settings"
