"""Repair of cut and damaged bags: every intact message is kept, and other readers agree."""

import json
import shutil

import numpy as np
import pytest
from cut_bags import (
    SHIPPED,
    TEXTS,
    by_mcap,
    by_rosbags,
    compressed_file,
    message_ends,
    recorded_again,
    text_bag,
)

from der_ros.bags import repair
from der_ros.bags.integrity import check_bag
from der_ros.bags.reader import BagReader
from der_ros.bags.recorder import BagWriter
from der_ros.bags.repair import repair_bag
from der_ros.cli.bag_commands.bags import main
from der_ros.errors import BagError


@pytest.fixture
def bag(tmp_path):
    return text_bag(tmp_path / "bag")


def cut(source, target, size):
    """A copy of a bag whose file ends after ``size`` bytes, as a kill leaves it."""
    shutil.rmtree(target, ignore_errors=True)
    folder = target / target.name.removesuffix(".part")
    folder.mkdir(parents=True)
    (file,) = source.glob("*.mcap")
    (folder / file.name).write_bytes(file.read_bytes()[:size])
    return target


def contents(folder):
    return {
        path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("name", ["kr60_success", "iiwa_success", "texts"])
def test_a_cut_at_any_byte_keeps_all_before_it(tmp_path, name):
    source = tmp_path / "whole"
    if name == "texts":
        text_bag(source)
    else:
        recorded_again(source, SHIPPED / name)
    (file,) = source.glob("*.mcap")
    whole, ends = by_rosbags(source), np.array(message_ends(file.read_bytes()))
    assert len(whole) == len(ends)
    rng = np.random.default_rng(len(name))
    for size in rng.integers(0, file.stat().st_size, 160 if name == "texts" else 20):
        part, out = cut(source, tmp_path / "cut.part", size), tmp_path / "out"
        before, expected = contents(part), int((ends <= size).sum())
        if expected == 0:
            with pytest.raises(BagError, match="whole message"):
                repair_bag(part, out)
            continue
        assert repair_bag(part, out).messages == expected
        found = by_rosbags(out)
        assert found == sorted(by_mcap(out), key=lambda each: each[1])
        assert len(found) == expected
        assert set(found) <= set(whole)
        assert contents(part) == before
        shutil.rmtree(out)


@pytest.mark.parametrize("compression", ["NONE", "LZ4", "ZSTD"])
def test_a_cut_compressed_file_keeps_its_whole_chunks(tmp_path, compression):
    file = compressed_file(tmp_path / "other.mcap", compression)
    data = file.read_bytes()
    kept = []
    for size in range(len(data) // 4, len(data), len(data) // 12):
        file.write_bytes(data[:size])
        out = repair_bag(file, tmp_path / f"out_{size}").bag
        assert [stamp for _, stamp, _ in by_mcap(out)] == [
            *range(1000, 1000 + len(by_rosbags(out)))
        ]
        assert (b"config.yaml" in (out / "other.mcap").read_bytes()) is True
        kept.append(len(by_rosbags(out)))
    assert kept == sorted(kept)
    assert kept[0] > 40
    assert kept[-1] == 400


def test_a_chunk_of_zeros_is_left_out_and_counted(bag, tmp_path):
    path = bag / "bag.mcap"
    data = path.read_bytes()
    middle = data.index(b"message 30")
    path.write_bytes(data[:middle] + bytes(100) + data[middle + 100 :])
    report = repair_bag(bag)
    assert report.bag == tmp_path / "bag_repaired"
    assert report.messages == 40
    assert report.lost == {"/policy/info": 10, "/assembly_supervisor/attempt": 10}
    assert [stamp for _, stamp, _ in by_mcap(report.bag)] == [
        *range(1000, 1020),
        *range(1040, 1060),
    ]
    described = (report.bag / "metadata.yaml").read_text()
    assert "lost_messages /policy/info: '10'" in described
    assert "checksum" in described


@pytest.mark.parametrize("begin", [0, 5, 30])
def test_without_its_first_chunk_the_rest_is_read(bag, begin):
    # The index at the end of the file also holds the topics.
    path = bag / "bag.mcap"
    data = path.read_bytes()
    path.write_bytes(data[:begin] + bytes(200) + data[begin + 200 :])
    assert [stamp for _, stamp, _ in by_rosbags(repair_bag(bag).bag)] == [*range(1020, 1060)]


def test_blocks_of_zeros_give_no_wrong_message(tmp_path):
    source = text_bag(tmp_path / "bag", 400, 25)
    path = source / "bag.mcap"
    whole, data = by_rosbags(source), path.read_bytes()
    for begin in range(0, len(data) - 512, 997):
        path.write_bytes(data[:begin] + bytes(512) + data[begin + 512 :])
        found = by_rosbags(repair_bag(source, tmp_path / f"out_{begin}").bag)
        assert set(found) <= set(whole)
        assert len(found) >= 350


def test_a_tail_of_zero_blocks_is_a_cut(tmp_path):
    source = text_bag(tmp_path / "bag", 400, 400)
    path = source / "bag.mcap"
    data = path.read_bytes()
    expected = sum(end <= 8192 for end in message_ends(data))
    path.write_bytes(data[:8192] + bytes(len(data) - 8192))
    report = repair_bag(source)
    assert report.messages == expected > 50
    assert "blocks of zeros" in " ".join(report.damage)


def test_a_changed_byte_gives_no_wrong_message(bag, tmp_path):
    whole = by_rosbags(bag)
    path = bag / "bag.mcap"
    data = path.read_bytes()
    rng = np.random.default_rng(1)
    for at in rng.integers(0, data.index(b"message 59"), 60):
        changed = bytearray(data)
        changed[at] ^= int(rng.integers(1, 256))
        path.write_bytes(changed)
        found = by_rosbags(repair_bag(bag, tmp_path / f"out_{at}").bag)
        assert set(found) <= set(whole), at
        assert len(found) >= 40 or at < 200


def test_a_recording_gets_its_name_in_place(tmp_path):
    whole = text_bag(tmp_path / "whole")
    part = cut(whole, tmp_path / "attempt_0001.part", 3000)
    report = repair_bag(part, in_place=True)
    assert report.bag == tmp_path / "attempt_0001"
    assert not part.exists()
    with BagReader(report.bag) as reader:
        assert sum(reader.topics.values()) == report.messages > 20


def test_in_place_the_files_are_replaced_one_by_one(bag, monkeypatch):
    path = bag / "bag.mcap"
    path.write_bytes(path.read_bytes()[:3000])
    replaced = []

    def stops(source, target):
        replaced.append(target.name)
        if target.name == "metadata.yaml":
            raise OSError(5, "Input/output error")
        real(source, target)

    real = repair.os.replace
    monkeypatch.setattr(repair.os, "replace", stops)
    with pytest.raises(BagError, match="Input/output"):
        repair_bag(bag, in_place=True)
    assert replaced == ["bag.mcap", "metadata.yaml"]
    monkeypatch.undo()
    assert repair_bag(bag, in_place=True).messages > 20
    check_bag(bag)
    assert [entry.name for entry in bag.parent.iterdir()] == ["bag"]


def test_a_lost_description_is_written_again(bag):
    expected = by_rosbags(bag)
    with BagReader(bag) as reader:
        topics = reader.topics
    (bag / "metadata.yaml").unlink()
    repair_bag(bag, in_place=True)
    with BagReader(bag) as reader:
        assert reader.topics == topics
    assert by_rosbags(bag) == expected


def test_recorded_losses_stay_in_the_description(tmp_path):
    with BagWriter(tmp_path / "bag", TEXTS) as writer:
        writer.write("/policy/info", b"\0\1\0\0\1\0\0\0\0", 5)
        writer.lost = {"/policy/info": 7}
    (tmp_path / "bag" / "metadata.yaml").unlink()
    repaired = repair_bag(tmp_path / "bag").bag
    assert "lost_messages /policy/info: '7'" in (repaired / "metadata.yaml").read_text()


def test_a_whole_bag_is_left_alone(bag, capsys):
    before = contents(bag)
    assert main(["repair", str(bag)]) == 0
    assert "nothing to repair" in capsys.readouterr().out
    assert contents(bag) == before
    assert [entry.name for entry in bag.parent.iterdir()] == ["bag"]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("bag.mcap", b"", "it is empty"),
        ("bag.mcap", bytes(10_000), "zeros"),
        ("bag.mcap", b"\x89MCAP0\r\n", "it is empty"),
        ("bag.mcap", bytes(range(256)) * 50, "no record can be read"),
        ("bag.db3", b"SQLite", "SQLite"),
        ("bag.mcap.zstd", b"x", "decompressed first"),
    ],
)
def test_what_cannot_be_repaired_is_refused(tmp_path, capsys, name, data, reason):
    (tmp_path / "bag").mkdir()
    (tmp_path / "bag" / name).write_bytes(data)
    assert main(["repair", str(tmp_path / "bag")]) == 2
    assert reason in capsys.readouterr().err
    assert main(["repair", str(tmp_path / "bag"), "--in-place"]) == 2
    assert contents(tmp_path) == {(tmp_path / "bag" / name).relative_to(tmp_path): data}


def test_missing_and_taken_names_are_refused(bag, tmp_path, capsys):
    assert main(["repair", str(tmp_path / "none")]) == 2
    assert "there is none" in capsys.readouterr().err
    (bag / "metadata.yaml").unlink()
    assert main(["repair", str(bag), "--out", str(bag)]) == 2
    assert "this one exists" in capsys.readouterr().err


def test_the_command_tells_what_it_did(bag, capsys):
    path = bag / "bag.mcap"
    path.write_bytes(path.read_bytes()[:3000])
    assert main(["repair", str(bag), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["bag"].endswith("bag_repaired")
    assert told["messages"] > 20
    assert "the file had no end" in told["damage"][-1]
