"""Changes of ONNX files without the package `onnx`: more outputs, or only some of them and what they are computed from.

ONNX Runtime computes every node of a graph, whichever outputs are requested, so a smaller graph saves time. A file is
one message of Protocol Buffers, whose fields are read and written here ("Encoding", protobuf.dev; onnx.proto).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

_GRAPH = 7
"""Field number of ``ModelProto.graph``."""
_NODE, _INITIALIZER, _OUTPUT = 1, 5, 12
"""Field numbers of ``GraphProto``."""
_INPUTS, _OUTPUTS, _OPERATOR = 1, 2, 4
"""Field numbers of ``NodeProto``."""
_VALUE_NAME, _TENSOR_NAME = 1, 8
"""Field numbers of ``ValueInfoProto.name`` and ``TensorProto.name``."""
_WITH_GRAPHS = {b"If", b"Loop", b"Scan"}
"""Operators that hold graphs of their own, which may use any tensor around them."""
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
"""Wire types."""
_FIXED_SIZES = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}


def with_outputs(network: bytes, names: Sequence[str]) -> bytes:
    """Return an ONNX network with more of its tensors as outputs.

    Two messages, one after the other, are one message that has the repeated fields of both. So it is enough to append
    a network that has nothing but the outputs.
    """
    outputs = b"".join(_field(_OUTPUT, _field(_VALUE_NAME, name.encode())) for name in names)
    return network + _field(_GRAPH, outputs)


def only_outputs(network: bytes, names: Iterable[str]) -> bytes:
    """Return an ONNX network with only these of its outputs, and the nodes and weights that they need.

    A network with nodes that hold graphs of their own is returned as it is.
    """
    parts = [one for number, one, _ in _fields(network) if number == _GRAPH]
    graph = b"".join(parts)
    needed = {name.encode() for name in names}
    nodes = [one for number, one, _ in _fields(graph) if number == _NODE]
    kept: set[int] = set()
    for place in range(len(nodes) - 1, -1, -1):  # every node comes after those that it needs
        node = [(number, one) for number, one, _ in _fields(nodes[place])]
        if any(one in _WITH_GRAPHS for number, one in node if number == _OPERATOR):
            return network
        if needed.intersection(one for number, one in node if number == _OUTPUTS):
            kept.add(place)
            needed.update(one for number, one in node if number == _INPUTS)
    rest = b"".join(whole for number, _, whole in _fields(network) if number != _GRAPH)
    return rest + _field(_GRAPH, b"".join(_kept_fields(graph, kept, needed)))


def _kept_fields(graph: bytes, nodes: set[int], needed: set[bytes]) -> Iterator[bytes]:
    place = -1
    for number, one, whole in _fields(graph):
        place += number == _NODE
        name_field = {_OUTPUT: _VALUE_NAME, _INITIALIZER: _TENSOR_NAME}.get(number)
        if number == _NODE and place not in nodes:
            continue
        if name_field and next((part for n, part, _ in _fields(one) if n == name_field), b"") not in needed:
            continue
        yield whole


def _fields(message: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield number, content and whole bytes of each field; the content of a number is empty."""
    place = 0
    while place < len(message):
        start = place
        key, place = _read_varint(message, place)
        number, kind = key >> 3, key & 7
        content = b""
        if kind == _VARINT:
            _, place = _read_varint(message, place)
        elif kind == _BYTES:
            size, place = _read_varint(message, place)
            content, place = message[place : place + size], place + size
        else:
            place += _FIXED_SIZES[kind]
        yield number, content, message[start:place]


def _read_varint(message: bytes, place: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        digit = message[place]
        place += 1
        value |= (digit & 127) << shift
        if digit < 128:
            return value, place
        shift += 7


def _field(number: int, content: bytes) -> bytes:
    """Return a length-delimited field."""
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    digits = bytearray()
    while number > 127:
        digits.append(number & 127 | 128)
        number >>= 7
    return bytes([*digits, number])
