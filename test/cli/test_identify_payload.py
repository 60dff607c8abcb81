"""The tool identify_payload on tables, bags and running topics."""

import csv
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import yaml
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from der_ros.cli.identify_payload import main
from der_ros.drivers.netft.payload import STANDARD_GRAVITY_MPS2, Payload
from der_ros.geometry import quaternion_from_rotation_vector, quaternion_multiply

DOWN = np.array((0.0, 0.0, -STANDARD_GRAVITY_MPS2))
TOOL = Payload(1.5, (0.0, 0.02, 0.1))
TILTS = [
    quaternion_from_rotation_vector(vector)
    for vector in ((0, 0, 0), (0.8, 0, 0), (-0.8, 0, 0), (0, 0.8, 0), (0, -0.8, 0))
]
COLUMNS = ["fx", "fy", "fz", "tx", "ty", "tz", "qx", "qy", "qz", "qw"]


def weights():
    return [(TOOL.weight(q, DOWN).to_array(), q) for q in TILTS]


def table(path, rows, columns=COLUMNS):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def check(capsys):
    found = json.loads(capsys.readouterr().out)
    assert found["mass_kg"] == pytest.approx(1.5, abs=1e-6)
    np.testing.assert_allclose(found["center_of_mass_m"], TOOL.center_of_mass_m, atol=1e-6)
    assert found["orientations"] == len(TILTS)


def test_a_table_of_rests_gives_ft_bridges_file(tmp_path, capsys):
    path = table(tmp_path / "rests.csv", [[*w, *q] for w, q in weights()])
    out = tmp_path / "payload.yaml"
    assert main([str(path), "--json", "--out", str(out)]) == 0
    check(capsys)
    parameters = yaml.safe_load(out.read_text())["/**/ft_bridge"]["ros__parameters"]
    assert parameters == {"payload_mass_kg": 1.5, "payload_center_of_mass_m": [0.0, 0.02, 0.1]}


def test_a_table_with_times_is_a_recording(tmp_path, capsys):
    rows = [[*w, *q, 2.0 * i + 0.02 * k] for i, (w, q) in enumerate(weights()) for k in range(50)]
    assert main([str(table(tmp_path / "r.csv", rows, [*COLUMNS, "t"])), "--json"]) == 0
    check(capsys)


def test_a_persons_view(tmp_path, capsys):
    path = table(tmp_path / "rests.csv", [[*w, *q] for w, q in weights()])
    assert main([str(path)]) == 0
    text = capsys.readouterr().out
    assert "1.5000 kg" in text
    assert "payload_mass_kg: 1.5" in text


@pytest.fixture
def turned_config(tmp_path):
    """Configuration of a sensor mounted with half a turn about z."""
    path = tmp_path / "cell.yaml"
    pose = [0.0, 0.0, 0.1, 0.0, 0.0, 1.0, 0.0]
    path.write_text(yaml.safe_dump({"/**": {"ros__parameters": {"tcp_from_sensor": pose}}}))
    return path


def write_bag(path):
    """Write a bag of one-second rests, 50 Hz, with the sensor mounted with half a turn."""
    store = get_typestore(Stores.ROS2_JAZZY)
    wrench, pose = "geometry_msgs/msg/WrenchStamped", "geometry_msgs/msg/PoseStamped"
    kinds = store.types
    vector, quaternion = kinds["geometry_msgs/msg/Vector3"], kinds["geometry_msgs/msg/Quaternion"]
    time, header = kinds["builtin_interfaces/msg/Time"], kinds["std_msgs/msg/Header"]
    stamped = header(time(0, 0), "base_link")
    back = np.array((0.0, 0.0, -1.0, 0.0))
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        wrenches = writer.add_connection("/netft_data", wrench, typestore=store)
        poses = writer.add_connection("/kuka/tcp_pose", pose, typestore=store)
        for i, (values, world_from_sensor) in enumerate(weights()):
            values, q = values.tolist(), quaternion_multiply(world_from_sensor, back).tolist()
            at = kinds["geometry_msgs/msg/Pose"](
                kinds["geometry_msgs/msg/Point"](0.0, 0.0, 0.0), quaternion(*q)
            )
            acting = kinds["geometry_msgs/msg/Wrench"](vector(*values[:3]), vector(*values[3:]))
            for k in range(50):
                stamp = int(1e9 * (2 * i + 0.02 * k))
                data = store.serialize_cdr(kinds[pose](stamped, at), pose)
                writer.write(poses, stamp, data)
                data = store.serialize_cdr(kinds[wrench](stamped, acting), wrench)
                writer.write(wrenches, stamp + 1, data)
    return path


def test_a_bag_with_the_sensor_turned_on_the_tool(tmp_path, capsys, turned_config):
    bag = write_bag(tmp_path / "bag")
    assert main([str(bag), "--json", "--config", str(turned_config)]) == 0
    check(capsys)


@pytest.mark.parametrize(
    ("rows", "columns", "expected"),
    [
        ([[0.0] * 9], COLUMNS[:9], "no 'qw'"),
        ([["x"] * 10], COLUMNS, "line 2: expected numbers"),
        ([["nan"] * 10], COLUMNS, "line 2: expected finite numbers"),
        ([[0.0] * 10], COLUMNS, "length zero"),
        ([], COLUMNS, "4 orientations or more, got 0"),
    ],
)
def test_a_table_that_is_none_is_one_line(tmp_path, capsys, rows, columns, expected):
    assert main([str(table(tmp_path / "t.csv", rows, columns)), "--json"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert expected in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("source", ["nowhere", "nowhere.csv"])
def test_a_source_that_is_not_there(capsys, source):
    assert main([source]) == 1
    assert "expected a CSV file" in capsys.readouterr().err


def test_a_table_that_is_too_large_is_refused(tmp_path, capsys):
    with (tmp_path / "large.csv").open("wb") as file:
        file.truncate(64 * 2**20 + 1)
    assert main([str(tmp_path / "large.csv")]) == 1
    assert "expected at most 67108864 bytes, got 67108865" in capsys.readouterr().err


def test_a_bag_without_the_topic(tmp_path, capsys):
    bag = write_bag(tmp_path / "bag")
    assert main([str(bag), "--pose-topic", "other/pose"]) == 1
    assert "expected one topic other/pose" in capsys.readouterr().err


@pytest.mark.ros
def test_live_listens_and_names_what_is_missing():
    command = [sys.executable, "-m", "der_ros.cli.identify_payload", "live", "--json"]
    with subprocess.Popen(
        command, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            assert "listening" in child.stderr.readline()
            child.send_signal(signal.SIGINT)
            out, errors = child.communicate(timeout=30)
        finally:
            child.kill()
    assert (child.returncode, out) == (1, "")
    assert "4 orientations or more, got 0" in errors
    assert "Traceback" not in errors
