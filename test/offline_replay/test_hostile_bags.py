"""Malformed bags are read or refused with a message and exit code 2."""

import math
import random
import shutil
import struct

import pytest
from copied_bags import BAGS, copied

from der_ros.bags.recorder import typestore
from der_ros.cli.bag_commands import bags
from der_ros.cli.bag_commands.replay_bag import main
from der_ros.offline_replay.differences import Differences

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


def numbers_begin(data):
    """Offset of the numbers of a stamped message."""
    (length,) = struct.unpack_from("<I", data, 12)
    end = 16 + length
    return end + (4 - end) % 8


def with_numbers(*numbers, first=0):
    """Return a change that writes numbers into each message, from one of its own on."""

    def change(data):
        at = numbers_begin(data) + 8 * first
        packed = struct.pack(f"<{len(numbers)}d", *numbers)
        return data[:at] + packed + data[at + len(packed) :]

    return change


def retold(key, text):
    """Return a change of one text of a ``DiagnosticStatus``."""
    kind = "diagnostic_msgs/msg/DiagnosticStatus"

    def change(data):
        message = typestore().deserialize_cdr(data, kind)
        for pair in message.values:
            pair.value = text if pair.key == key else pair.value
        return bytes(typestore().serialize_cdr(message, kind))

    return change


@pytest.mark.parametrize("topic", ["kuka/tcp_pose", "kuka/twist_applied"])
@pytest.mark.parametrize("number", [math.nan, math.inf, 1e308])
def test_a_robot_of_no_numbers_is_refused(tmp_path, capsys, topic, number):
    bag = copied(tmp_path, BAG.name, changes={topic: with_numbers(number, first=1)})
    assert f"{topic}: expected finite numbers below 1e+06" in refused(bag, capsys)


def test_a_pose_without_a_rotation_is_refused(tmp_path, capsys):
    changes = {"kuka/tcp_pose": with_numbers(0.0, 0.0, 0.0, 0.0, first=3)}
    bag = copied(tmp_path, BAG.name, changes=changes)
    assert "kuka/tcp_pose: quaternion" in refused(bag, capsys)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("topic", ["netft_data", "kuka/delta_twist_cmds"])
@pytest.mark.parametrize("number", [math.nan, math.inf, 1e308])
def test_any_force_or_command_is_replayed(tmp_path, capsys, topic, number):
    bag = copied(tmp_path, BAG.name, changes={topic: with_numbers(number, first=2)})
    assert main([str(bag), *POLICY]) == 1
    assert "differ" in capsys.readouterr().err
    assert bags.main(["plot", str(bag)]) == 0


@pytest.mark.parametrize(
    ("topic", "key", "text"),
    [
        ("policy/contract", "task_frame", "a 0 0 0 0 0 1"),
        ("policy/contract", "contract.action_limits", "nan 1 1 1 1 1"),
        ("kuka/limits", "max_linear_speed_mps", "1 2"),
        ("assembly_supervisor/result", "duration_s", "inf"),
    ],
)
def test_a_text_without_its_numbers_is_named(tmp_path, capsys, topic, key, text):
    bag = copied(tmp_path, BAG.name, changes={topic: retold(key, text)})
    error = refused(bag, capsys)
    assert f"{key}: expected" in error
    assert f"got '{text}'" in error


def test_twists_without_poses_are_no_picture(tmp_path, capsys):
    def restamped(data):
        return data[:8] + struct.pack("<I", 1) + data[12:]

    bag = copied(tmp_path, BAG.name, changes={"kuka/twist_applied": restamped})
    assert bags.main(["plot", str(bag)]) == 2
    assert "with the same stamps, there are none" in capsys.readouterr().err
    assert not bag.with_suffix(".png").exists()
    assert main([str(bag), *POLICY]) == 1
    assert "has the stamp of a pose" in capsys.readouterr().err


@pytest.mark.parametrize("place", range(3))
def test_a_nan_at_any_place_is_a_difference(place):
    recorded = [0.0, 0.0, 0.0]
    recorded[place] = math.nan
    differences = Differences(1.0)
    assert differences.add(0.0, recorded, [0.1, 0.1, 0.1]) == math.inf
    assert differences.beyond == 1
