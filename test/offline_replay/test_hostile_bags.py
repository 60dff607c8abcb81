"""Malformed bags are read or refused with a message and exit code 2."""

import random
import shutil
import struct

import pytest
from copied_bags import BAGS, copied

from der_ros.bags.recorder import typestore
from der_ros.cli.bag_commands.replay_bag import main

BAG = BAGS / "kr60_exact"
POLICY = ["--policy", str(BAGS / "lap_joint.onnx")]


def refused(bag, capsys):
    """Return the error of a bag that is refused with exit code 2."""
    assert main([str(bag), *POLICY]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"error: bag {bag}: ")
    assert error.count(str(bag)) == 1
    return error


@pytest.mark.parametrize(
    "topic",
    ["policy/contract", "kuka/limits", "netft_data", "kuka/tcp_pose", "delta_twist_cmds"],
)
def test_a_missing_topic_is_named(tmp_path, capsys, topic):
    assert f"{topic}, got none" in refused(copied(tmp_path, BAG.name, without=topic), capsys)


@pytest.mark.parametrize("topic", ["cycle_inputs", "assembly_supervisor/result"])
def test_a_topic_that_may_be_missing_is_not_missed(tmp_path, topic):
    assert main([str(copied(tmp_path, BAG.name, without=topic)), *POLICY]) == 0


def test_an_unknown_task_is_refused_by_its_name(tmp_path, capsys):
    def renamed(data):
        return data.replace(b"lap_joint\0", b"lap_jaint\0")

    error = refused(copied(tmp_path, BAG.name, changes={"policy/contract": renamed}), capsys)
    assert "lap_jaint" in error


@pytest.mark.parametrize("key", [b"duration_s", b"outcome", b"reason"])
def test_a_verdict_that_lacks_a_part_is_refused(tmp_path, capsys, key):
    def renamed(data):
        return data.replace(key + b"\0", key[:-1] + b"x\0")

    changes = {"assembly_supervisor/result": renamed}
    error = refused(copied(tmp_path, BAG.name, changes=changes), capsys)
    assert "assembly_supervisor/result: expected duration_s, outcome and reason" in error


@pytest.mark.parametrize("topic", ["netft_data", "kuka/tcp_pose", "kuka/cycle_inputs"])
def test_other_bytes_are_refused_with_their_topic(tmp_path, capsys, topic):
    bag = copied(tmp_path, BAG.name, changes={topic: lambda data: data[:20]})
    assert f"{topic}: expected a serialized" in refused(bag, capsys)


@pytest.mark.parametrize(
    "stamp",
    [(0, 0), (2**31 - 1, 2**32 - 1), (-(2**31), 5)],
    ids=["none", "absurd", "negative"],
)
def test_stamps_that_place_nothing_are_refused(tmp_path, capsys, stamp):
    def restamped(data):
        return data[:4] + struct.pack("<iI", *stamp) + data[12:]

    bag = copied(tmp_path, BAG.name, changes={"netft_data": restamped})
    error = refused(bag, capsys)
    assert "netft_data: expected stamps within 10 s of the bag's time" in error


def test_stamps_that_go_back_an_hour_are_refused(tmp_path, capsys):
    seen = []

    def back(data):
        seen.append(1)
        sec, nanosec = struct.unpack_from("<iI", data, 4)
        sec -= 3600 if len(seen) > 100 else 0
        return data[:4] + struct.pack("<iI", sec, nanosec) + data[12:]

    assert "-3600 s away" in refused(
        copied(tmp_path, BAG.name, changes={"kuka/tcp_pose": back}), capsys
    )


def test_a_truncated_file_is_refused_at_any_byte(tmp_path, capsys):
    draw = random.Random(3)
    data = next(BAG.glob("*.mcap")).read_bytes()
    bag = tmp_path / "bag"
    shutil.copytree(BAG, bag)
    for _ in range(20):
        next(bag.glob("*.mcap")).write_bytes(data[: draw.randrange(len(data))])
        refused(bag, capsys)


def test_a_flipped_bit_is_refused_anywhere(tmp_path, capsys):
    draw = random.Random(4)
    data = next(BAG.glob("*.mcap")).read_bytes()
    bag = tmp_path / "bag"
    shutil.copytree(BAG, bag)
    for _ in range(20):
        flipped = bytearray(data)
        flipped[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        next(bag.glob("*.mcap")).write_bytes(flipped)
        refused(bag, capsys)


@pytest.mark.parametrize("topic", ["policy/observation", "policy/action"])
def test_arrays_of_another_size_are_refused(tmp_path, capsys, topic):
    kind = "std_msgs/msg/Float32MultiArray"

    def shortened(data):
        message = typestore().deserialize_cdr(data, kind)
        message.data = message.data[:4]
        return bytes(typestore().serialize_cdr(message, kind))

    bag = copied(tmp_path, "kr60_stopped", changes={topic: shortened})
    assert main([str(bag), "--actions", "recorded"]) == 2
    told = capsys.readouterr().err
    assert f"{topic}: expected arrays of" in told
    assert "got 4" in told
