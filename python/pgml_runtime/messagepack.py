"""Reads MessagePack, as far as PostgresML's models use it; ValueError for anything else."""

from __future__ import annotations

import struct

_NUMBERS = {
    0xCA: ">f",
    0xCB: ">d",
    0xCC: ">B",
    0xCD: ">H",
    0xCE: ">I",
    0xCF: ">Q",
    0xD0: ">b",
    0xD1: ">h",
    0xD2: ">i",
    0xD3: ">q",
}
_LENGTHS = {0xD9: ">B", 0xDA: ">H", 0xDB: ">I", 0xDC: ">H", 0xDD: ">I", 0xDE: ">H", 0xDF: ">I"}
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
_DEEPEST = 32


def loads(data):
    """Return the one value that `data` holds."""
    value, end = _value(data, 0, 0)
    if end != len(data):
        raise ValueError(f"{len(data) - end} bytes are left over")
    return value


def _value(data, at, depth):
    if at >= len(data) or depth > _DEEPEST:
        raise ValueError("the value has no end")
    kind = data[at]
    at += 1
    if kind < 0x80:
        return kind, at
    if kind >= 0xE0:
        return kind - 0x100, at
    if kind in _CONSTANTS:
        return _CONSTANTS[kind], at
    if kind in _NUMBERS:
        return _number(data, at, _NUMBERS[kind])
    if kind in _LENGTHS:
        length, at = _number(data, at, _LENGTHS[kind])
    elif kind < 0xC0:
        length = kind & (0x1F if kind >= 0xA0 else 0x0F)
    else:
        raise ValueError(f"type {kind:#x}")
    if 0xA0 <= kind < 0xC0 or kind in (0xD9, 0xDA, 0xDB):
        if at + length > len(data):
            raise ValueError("a text has no end")
        return data[at : at + length].decode("utf-8"), at + length
    is_map = kind < 0x90 or kind in (0xDE, 0xDF)
    items = []
    for _ in range(2 * length if is_map else length):
        item, at = _value(data, at, depth + 1)
        items.append(item)
    return (dict(zip(items[::2], items[1::2])) if is_map else items), at


def _number(data, at, form):
    end = at + struct.calcsize(form)
    if end > len(data):
        raise ValueError("a number has no end")
    return struct.unpack(form, data[at:end])[0], end
