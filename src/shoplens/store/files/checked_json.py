"""JSON files with a checksum of their content: a flipped bit is damage, and not another value."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

CHECKSUM = "checksum"


def dump_checked(content: Mapping[str, Any]) -> str:
    """Return the text of an object with its checksum, for people to read."""
    return json.dumps({**content, CHECKSUM: _checksum(content)}, indent=1, ensure_ascii=False) + "\n"


def parse_checked(text: bytes) -> dict[str, Any]:
    """Return the object in a text, without its checksum; texts of older versions have none.

    Raises:
        ValueError: it is not an object in JSON, or not the one that was written.
    """
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError("it holds no object")
    expected = content.pop(CHECKSUM, None)
    if expected is not None and expected != _checksum(content):
        raise ValueError("it has other contents than when it was written")
    return content


def _checksum(content: Mapping[str, Any]) -> str:
    return f"{zlib.crc32(json.dumps(content, sort_keys=True).encode()):08x}"
