"""Bounded reading and decompression of bags.

What claims more bytes than its file has, or expands beyond a limit, is refused before it takes
memory. A few kilobytes of zstd can expand to gigabytes. Messages are compressed about tenfold.
"""

from __future__ import annotations

import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import lz4.frame
import zstandard
from mcap.records import Chunk

from der_ros.bags.metadata import DESCRIPTION, ROOT
from der_ros.documents import to_yaml
from der_ros.errors import BagError

MAX_CONTENT_BYTES = 256 * 2**20
"""Largest content of one chunk or message."""
ZSTD_SUFFIX = ".zstd"
_BLOCK = 2**20
_FREE_TOTAL, _MOST_RATIO = 2**30, 100


class Bounded:
    """Stream that refuses to read beyond a known size, so a corrupt length allocates nothing.

    Args:
        file: Stream, read from its current position.
        size: Number of bytes that remain in the file.

    Attributes:
        left: Number of bytes not read yet.
    """

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self.left = file, size

    def read(self, count: int) -> bytes:
        """Read ``count`` bytes.

        Raises:
            BagError: Fewer bytes remain.
        """
        if count > self.left:
            raise BagError(f"expected {count} bytes more, got {self.left}")
        self.left -= count
        return self._file.read(count)


def most_expanded(size: int) -> int:
    """Return the largest content, bytes, that a compressed file of ``size`` bytes may have."""
    return _FREE_TOTAL + _MOST_RATIO * size


def chunk_content(chunk: Chunk) -> bytes:
    """Return the records of a chunk, checked against its size and checksum.

    Raises:
        BagError: The chunk is larger than ``MAX_CONTENT_BYTES``, or its content does not match.
    """
    size = chunk.uncompressed_size
    if size > MAX_CONTENT_BYTES:
        raise BagError(
            f"expected chunks of at most {MAX_CONTENT_BYTES} bytes, got one that claims {size}"
        )
    content = expanded(chunk.compression, chunk.data, size)
    if len(content) != size:
        raise BagError(f"expected a chunk of {size} bytes, got another size")
    if chunk.uncompressed_crc and zlib.crc32(content) != chunk.uncompressed_crc:
        raise BagError("the checksum of a chunk does not match its content")
    return content


def expanded(compression: str, data: bytes, most: int) -> bytes:
    """Decompress ``data``, and stop one byte after ``most``.

    Args:
        compression: ``zstd``, ``lz4``, or nothing.
        data: Compressed bytes.
        most: Largest expected size of the content.

    Raises:
        BagError: The compression is unknown, or bytes follow the content.
        Exception: Any type, raised by the decompressor on damaged bytes.
    """
    if compression == "":
        return data
    if compression == "zstd":
        with zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True) as stream:
            return bytes(stream.read(most + 1))
    if compression != "lz4":
        raise BagError(f"expected chunks of zstd, lz4 or no compression, got {compression[:20]!r}")
    decompressor = lz4.frame.LZ4FrameDecompressor()
    content = bytes(decompressor.decompress(data, max_length=most + 1))
    if decompressor.eof and decompressor.unused_data:
        raise BagError("expected no bytes after the content of a chunk, got some")
    return content


def check_message(data: bytes) -> None:
    """Check that a message compressed with zstd has a bounded content.

    Raises:
        BagError: It is larger than ``MAX_CONTENT_BYTES``.
    """
    if len(expanded("zstd", data, MAX_CONTENT_BYTES)) > MAX_CONTENT_BYTES:
        raise BagError(f"expected messages of at most {MAX_CONTENT_BYTES} bytes, got a larger one")


@contextmanager
def whole_folder(folder: Path, information: dict[str, Any]) -> Iterator[Path]:
    """Yield the folder of a bag, or of a temporary bag with its compressed files expanded.

    Args:
        folder: Folder of the bag.
        information: The bag's ``rosbag2_bagfile_information``.

    Raises:
        BagError: The files are not compressed with zstd, or expand beyond their limit or the free
            disk space.
    """
    if str(information.get("compression_mode") or "").lower() != "file":
        yield folder
        return
    form = information.get("compression_format")
    if form != "zstd":
        raise BagError(f"expected files compressed with zstd, got {str(form)[:20]!r}")
    with tempfile.TemporaryDirectory(prefix="bag_") as name:
        place = Path(name)
        for file in information["relative_file_paths"]:
            source = folder / Path(file).name
            _expand(source, place / _plain(source.name))
        (place / DESCRIPTION).write_text(to_yaml({ROOT: _without_compression(information)}))
        yield place


def _expand(source: Path, target: Path) -> None:
    most = most_expanded(source.stat().st_size)
    with (
        source.open("rb") as file,
        target.open("xb") as out,
        zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as stream,
    ):
        while block := stream.read(_BLOCK):
            if out.tell() + len(block) > most:
                raise BagError(f"{source.name}: expected at most {most} bytes of content, got more")
            if shutil.disk_usage(target.parent).free < _FREE_TOTAL:
                raise BagError(
                    f"{source.name}: its content does not fit on the disk of {target.parent}; "
                    "set TMPDIR to a folder with more room"
                )
            out.write(block)


def _without_compression(information: dict[str, Any]) -> dict[str, Any]:
    files = [
        {**each, "path": _plain(str(each["path"]))} if isinstance(each, dict) else each
        for each in information.get("files") or []
    ]
    return {
        **information,
        "compression_mode": "",
        "compression_format": "",
        "relative_file_paths": [_plain(name) for name in information["relative_file_paths"]],
        **({"files": files} if "files" in information else {}),
    }


def _plain(name: str) -> str:
    return name.removesuffix(ZSTD_SUFFIX)
