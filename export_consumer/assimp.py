"""The part of assimp's C interface that one conversion in memory needs.

The wheel `cmeel-assimp` contains the library without Python code; its path is read from its metadata.
"""

from __future__ import annotations

import ctypes
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any, Final

from export_consumer.errors import ConverterError

_TRIANGLES: Final = 0x8
"""aiProcess_Triangulate: the only step, because others may change the vertices."""


class _Blob(ctypes.Structure):
    """The start of aiExportDataBlob; the first blob of the list is the file itself."""

    _fields_ = (("size", ctypes.c_size_t), ("data", ctypes.c_void_p))


def convert(data: bytes, kind: str, wanted: str) -> bytes:
    """Return the file ``data`` of the format ``kind`` (its suffix) as assimp's format ``wanted``.

    Raises `ConverterError` with assimp's message.
    """
    library = _library()
    scene = library.aiImportFileFromMemory(data, len(data), _TRIANGLES, kind.encode())
    if not scene:
        raise _failure(library, "read", kind)
    try:
        blob = library.aiExportSceneToBlob(scene, wanted.encode(), 0)
        if not blob:
            raise _failure(library, "write", wanted)
        try:
            return ctypes.string_at(blob.contents.data, blob.contents.size)
        finally:
            library.aiReleaseExportBlob(blob)
    finally:
        library.aiReleaseImport(scene)


@cache
def _library() -> Any:
    library = ctypes.CDLL(str(_path()))
    library.aiImportFileFromMemory.restype = ctypes.c_void_p
    library.aiImportFileFromMemory.argtypes = [
        ctypes.c_char_p,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_char_p,
    ]
    library.aiExportSceneToBlob.restype = ctypes.POINTER(_Blob)
    library.aiExportSceneToBlob.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint]
    library.aiReleaseExportBlob.argtypes = [ctypes.POINTER(_Blob)]
    library.aiReleaseImport.argtypes = [ctypes.c_void_p]
    library.aiGetErrorString.restype = ctypes.c_char_p
    return library


def _path() -> Path:
    try:
        found = [file for file in files("cmeel-assimp") or [] if file.name.startswith("libassimp.")]
    except PackageNotFoundError:
        found = []
    if not found:
        raise ConverterError("Assimp is not installed; install the extra `export`.")
    return Path(str(found[0].locate()))


def _failure(library: Any, verb: str, kind: str) -> ConverterError:
    said = (library.aiGetErrorString() or b"").decode(errors="replace")
    return ConverterError(f"Assimp could not {verb} {kind}: {said or 'it does not say why'}.")
