"""Bags that are compressed are read whole, and what expands without measure is refused by name."""

import shutil
import sqlite3
import struct
import time
from pathlib import Path

import lz4.frame
import pytest
import yaml
import zstandard

from der_ros.bags import bounded
from der_ros.bags.reader import BagReader
from der_ros.bags.repair import repair_bag
from der_ros.errors import BagError

SOURCE = Path(__file__).parents[1] / "replay" / "bags" / "kr60_success"
NAME = "kr60_success.mcap"
LARGE = 300 * 2**20
COMPRESSED = {
    "zstd": zstandard.compress(bytes(LARGE)),
    "lz4": lz4.frame.compress(bytes(LARGE)),
}
INFORMATION = yaml.safe_load((SOURCE / "metadata.yaml").read_text())["rosbag2_bagfile_information"]


def messages(folder):
    with BagReader(folder) as bag:
        return list(bag.serialized(*bag.topics))


def refusal(folder):
    start_s = time.thread_time()
    with pytest.raises(BagError) as caught:
        messages(folder)
    assert time.thread_time() - start_s < 2.0
    return str(caught.value)


def described(folder, **changes):
    """Write a metadata.yaml with other values than the shipped bag's."""
    folder.mkdir(exist_ok=True)
    whole = {"rosbag2_bagfile_information": {**INFORMATION, **changes}}
    (folder / "metadata.yaml").write_text(yaml.safe_dump(whole))
    return folder


def bag_with(folder, compression, data, claimed):
    """Write the shipped bag with one more chunk in front of the others."""
    shutil.copytree(SOURCE, folder)
    file = (SOURCE / NAME).read_bytes()
    begin = 17 + struct.unpack_from("<Q", file, 9)[0]
    name = compression.encode()
    head = struct.pack("<QQQII", 0, 2**62, claimed, 0, len(name)) + name
    chunk = head + struct.pack("<Q", len(data)) + data
    record = b"\x06" + struct.pack("<Q", len(chunk)) + chunk
    (folder / NAME).write_bytes(file[:begin] + record + file[begin:])
    return folder


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
@pytest.mark.parametrize(
    ("claimed", "match"),
    [
        (1000, "expected a chunk of 1000 bytes, got another size"),
        (LARGE, "expected chunks of at most 268435456 bytes"),
        (2**60, "expand more than a hundredfold"),
    ],
)
def test_a_chunk_that_expands_too_far_is_refused(tmp_path, compression, claimed, match):
    bag = bag_with(tmp_path / "bag", compression, COMPRESSED[compression], claimed)
    assert match in refusal(bag)
    # The repair leaves the chunk out, and keeps all messages.
    repair_bag(bag, tmp_path / "repaired")
    assert messages(tmp_path / "repaired") == messages(SOURCE)


def test_a_chunk_with_a_hidden_second_part_is_refused(tmp_path):
    data = zstandard.compress(bytes(1000)) + COMPRESSED["zstd"]
    assert "got another size" in refusal(bag_with(tmp_path / "bag", "zstd", data, 1000))


def test_an_unknown_compression_is_refused(tmp_path):
    assert "got 'brotli'" in refusal(bag_with(tmp_path / "bag", "brotli", b"x", 1))


def test_chunks_that_are_small_but_many_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(bounded, "_FREE_TOTAL", 0)
    monkeypatch.setattr(bounded, "_MOST_RATIO", 0)
    assert "expand more than a hundredfold" in refusal(SOURCE)


def test_an_index_that_names_another_place_is_refused(tmp_path):
    shutil.copytree(SOURCE, tmp_path / "bag")
    file = bytearray((SOURCE / NAME).read_bytes())
    summary = struct.unpack_from("<Q", file, len(file) - 28)[0]
    while file[summary] != 8:  # walks over the summary's records to the first index of a chunk
        summary += 9 + struct.unpack_from("<Q", file, summary + 1)[0]
    place = summary + 9 + 16
    (offset,) = struct.unpack_from("<Q", file, place)
    struct.pack_into("<Q", file, place, offset + 1)
    struct.pack_into("<I", file, len(file) - 12, 0)
    (tmp_path / "bag" / NAME).write_bytes(file)
    assert f"the index names a chunk at {offset + 1}, there is none" in refusal(tmp_path / "bag")


def file_bag(folder, data, form="zstd"):
    described(
        folder,
        compression_mode="FILE",
        compression_format=form,
        relative_file_paths=[f"{NAME}.zstd"],
        files=[{**each, "path": f"{NAME}.zstd"} for each in INFORMATION["files"]],
    )
    (folder / f"{NAME}.zstd").write_bytes(data)
    return folder


def test_a_compressed_file_is_read_as_the_plain_one(tmp_path):
    bag = file_bag(tmp_path / "bag", zstandard.compress((SOURCE / NAME).read_bytes()))
    assert messages(bag) == messages(SOURCE)


def test_a_damaged_byte_in_a_compressed_file_is_found(tmp_path):
    data = bytearray((SOURCE / NAME).read_bytes())
    data[len(data) // 2] ^= 1
    refusal(file_bag(tmp_path / "bag", zstandard.compress(bytes(data))))


def test_a_file_that_expands_too_far_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(bounded, "_FREE_TOTAL", 2**20)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    told = refusal(file_bag(tmp_path / "bag", COMPRESSED["zstd"]))
    assert f"{NAME}.zstd: expected at most" in told
    assert list((tmp_path / "temporary").iterdir()) == []
    assert "got 'gzip'" in refusal(file_bag(tmp_path / "other", b"x", form="gzip"))


def sqlite_bag(folder, script, **changes):
    described(
        folder,
        storage_identifier="sqlite3",
        relative_file_paths=["a.db3"],
        topics_with_message_count=[],
        **changes,
    )
    database = sqlite3.connect(folder / "a.db3")
    database.executescript(script)
    database.close()
    return folder


TOPICS = "CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT); INSERT INTO topics VALUES(1, 'a')"
ENDLESS = """CREATE VIEW messages AS WITH RECURSIVE c(id, topic_id) AS
(SELECT 1, 1 UNION ALL SELECT id + 1, 1 FROM c) SELECT id, topic_id FROM c"""
COMPUTED = """CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER,
data BLOB AS (zeroblob(900000000)));INSERT INTO messages(topic_id) VALUES(1)"""


@pytest.mark.parametrize(
    ("script", "match"),
    [
        (ENDLESS, "expected plain tables, got the view 'messages'"),
        (COMPUTED, "'messages' with a computed column"),
        ("CREATE VIRTUAL TABLE messages USING fts5(id, topic_id)", "the table 'messages'"),
    ],
)
def test_a_database_that_computes_content_is_refused(tmp_path, script, match):
    assert match in refusal(sqlite_bag(tmp_path / "bag", f"{TOPICS};{script}"))


def test_a_message_that_expands_too_far_is_refused(tmp_path):
    blob = COMPRESSED["zstd"].hex()
    table = "CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, data BLOB)"
    script = f"{TOPICS};{table};INSERT INTO messages(topic_id, data) VALUES(1, x'{blob}')"
    by_message = {"compression_mode": "MESSAGE", "compression_format": "zstd"}
    bag = sqlite_bag(tmp_path / "bag", script, **by_message)
    assert "expected messages of at most 268435456 bytes" in refusal(bag)


@pytest.mark.parametrize("content", [b"", b"text" * 1000, (SOURCE / NAME).read_bytes()])
def test_what_is_no_database_is_refused_by_name(tmp_path, content):
    folder = sqlite_bag(tmp_path / "bag", "")
    (folder / "a.db3").write_bytes(content)
    assert "a.db3 cannot be read" in refusal(folder)


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_a_journal_beside_the_database_is_named(tmp_path, suffix):
    folder = sqlite_bag(tmp_path / "bag", TOPICS)
    (folder / f"a.db3{suffix}").write_bytes(b"x")
    told = refusal(folder)
    assert f"a.db3{suffix} is there" in told
    assert "vacuum" in told
