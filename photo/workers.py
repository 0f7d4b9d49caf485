"""The confined processes in which the roles read photos."""

from __future__ import annotations

from typing import Final

from bus.sandbox.confinement import Confinement

TASKS: Final = "photo.tasks"
CONFINEMENT: Final = Confinement(address_space_bytes=1024**3, threads=True)
"""Threads, because libheif starts one a picture."""
