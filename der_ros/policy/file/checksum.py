"""Checksum of a policy file's content, stored in the file itself.

The metadata entry ``der_ros.content_sha256`` is the SHA-256 of the whole file with 64 zeros (``0``)
in place of the entry's own 64 hexadecimal digits. To verify it, read the file, replace those digits
by zeros and hash. The checksum detects damage; it is no signature and does not authenticate the
author.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from der_ros.documents import read_bytes
from der_ros.errors import ConfigurationError, ContractError
from der_ros.policy.contract import METADATA_PREFIX
from der_ros.policy.file.onnx_file import MAX_FILE_BYTES, parse_model, serialized

CHECKSUM_KEY = METADATA_PREFIX + "content_sha256"
_EMPTY = "0" * 64
_DIGEST = re.compile("[0-9a-f]{64}")


def stamped(data: bytes) -> bytes:
    """Return an ONNX model's bytes with a checksum of its content; an existing one is replaced.

    Raises:
        ContractError: The bytes are no ONNX model.
    """
    model = parse_model(unstamped(data))
    entry = model.metadata_props.add(key=CHECKSUM_KEY, value=_EMPTY)
    entry.value = hashlib.sha256(serialized(model)).hexdigest()
    return serialized(model)


def unstamped(data: bytes) -> bytes:
    """Return an ONNX model's bytes without a checksum, as earlier releases wrote them.

    Raises:
        ContractError: The bytes are no ONNX model.
    """
    model = parse_model(data)
    kept = [entry for entry in model.metadata_props if entry.key != CHECKSUM_KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    return serialized(model)


def file_hashes(path: Path) -> frozenset[str]:
    """Return the SHA-256 of a policy file with and without its checksum entry.

    Empty if the file cannot be read.
    """
    try:
        data = read_bytes(path, MAX_FILE_BYTES)
        earlier = unstamped(data)
    except (OSError, ConfigurationError):
        return frozenset()
    except ContractError:
        earlier = data
    return frozenset(hashlib.sha256(content).hexdigest() for content in (data, earlier))


def check_checksum(data: bytes, metadata: Mapping[str, str]) -> None:
    """Check a policy file against its checksum.

    Args:
        data: Content of the whole file.
        metadata: Metadata entries of the file.

    Raises:
        ContractError: The checksum is missing, malformed or does not match the content.
    """
    digest = metadata.get(CHECKSUM_KEY)
    if digest is None:
        raise ContractError(
            f"expected the metadata {CHECKSUM_KEY}, the checksum of the file's content, got none; "
            "if this is an undamaged policy of an earlier release, add it: "
            "ros2 run der_ros export_policy --stamp OLD.onnx NEW.onnx"
        )
    text = digest.encode()
    if not _DIGEST.fullmatch(digest) or data.count(text) != 1:
        raise ContractError(
            f"expected 64 hexadecimal digits once in the file, as {CHECKSUM_KEY}: the file is "
            "damaged; copy it anew, or export it again"
        )
    got = hashlib.sha256(data.replace(text, _EMPTY.encode())).hexdigest()
    if got != digest:
        raise ContractError(
            f"expected content with the checksum {digest}, got {got}: the file is damaged; "
            "copy it anew, or export it again"
        )
