"""Writes ONNX files of a few operators byte by byte, so that tests need no package for it.

A file is a protocol buffer: of each field its number and kind, then its length, then its bytes.
"""

from __future__ import annotations

FLOAT = 1


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, value: bytes | str | int) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _node(operator: str, inputs: list[str], output: str) -> bytes:
    return b"".join(_field(1, name) for name in inputs) + _field(2, output) + _field(4, operator)


def _value(name: str, dimensions: list[int | str]) -> bytes:
    shape = b"".join(
        _field(1, _field(1, each) if isinstance(each, int) else _field(2, each)) for each in dimensions
    )
    return _field(1, name) + _field(2, _field(1, _field(1, FLOAT) + _field(2, shape)))


def mean_difference(*, inputs: int = 2) -> bytes:
    """Return a model of ``inputs`` pictures (1, 3, H, W): the mean absolute difference of first and last."""
    names = ["a", "b", "c"][:inputs]
    nodes = [
        _node("Sub", [names[0], names[-1]], "difference"),
        _node("Abs", ["difference"], "size"),
        _node("ReduceMean", ["size"], "score"),
    ]
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, "score")
    graph += b"".join(_field(11, _value(name, [1, 3, "h", "w"])) for name in names)
    graph += _field(12, _value("score", [1, 1, 1, 1]))
    return _field(1, 8) + _field(7, graph) + _field(8, _field(2, 17))
