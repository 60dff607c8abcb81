import shutil
from pathlib import Path

import numpy as np
import pytest

from der_ros.bags.black_box import REASON
from der_ros.bags.recorder import BagWriter, RecordedTopic, typestore
from der_ros.errors import ConfigurationError
from der_ros.tasks import make_task
from der_ros.training.demonstrations.files import load_demonstrations

BAGS = Path(__file__).parents[2] / "replay" / "bags"
ARRAY = "std_msgs/msg/Float32MultiArray"
TOPICS = [RecordedTopic("/policy/observation", ARRAY), RecordedTopic("/policy/action", ARRAY)]


def array(data):
    types = typestore().types
    layout = types["std_msgs/msg/MultiArrayLayout"](dim=[], data_offset=0)
    return bytes(typestore().serialize_cdr(types[ARRAY](layout, data), ARRAY))


def bag(path, heights_m):
    """Write a bag with the piece at these heights, one per tick; each action is its number."""
    with BagWriter(path, TOPICS) as writer:
        for tick, height in enumerate(heights_m):
            pose = np.array((0, 0, height, 0, 0, 0, 1, *[0.0] * 6), np.float32)
            writer.write("/policy/observation", array(pose), 2 * tick + 1)
            writer.write("/policy/action", array(np.full(6, tick, np.float32)), 2 * tick + 2)
    return path


def test_a_bag_is_an_episode_up_to_its_last_pose(tmp_path):
    bag(tmp_path / "attempt_0002", [0.03, 0.02, 0.0])
    bag(tmp_path / "attempt_0001", [0.03, 0.02, 0.01, 0.004, 0.001, 0.0])
    task = make_task("lap_joint")
    one, two = load_demonstrations(tmp_path, 13, 6, task=task)
    assert (one.steps, two.steps) == (3, 2)  # in order of names; 4 mm is within 5 mm
    expected = [-0.02, -0.01, task.success_reward - 0.004]
    assert one.rewards == pytest.approx(expected, abs=1e-6)
    assert one.actions[:, 0].tolist() == [0, 1, 2]
    assert one.observations[:, 2] == pytest.approx([0.03, 0.02, 0.01, 0.004])
    assert (one.terminated, one.truncated, one.success) == (True, False, True)


def test_what_is_no_success_is_refused_by_name(tmp_path):
    path = bag(tmp_path / "attempt_0001", [0.03, 0.02])
    with pytest.raises(ConfigurationError, match=r"attempt_0001.*seated"):
        load_demonstrations(tmp_path, 13, 6, task=make_task("lap_joint"))
    with pytest.raises(ConfigurationError, match="judge"):
        load_demonstrations(path, 13, 6)
    next(path.glob("*.mcap")).write_bytes(b"no bag")
    with pytest.raises(ConfigurationError, match="attempt_0001"):
        load_demonstrations(path, 13, 6, task=make_task("lap_joint"))


def test_a_run_folders_failures_are_left_out(tmp_path, caplog):
    for name, shipped in (("attempt_0001", "kr60_timeout"), ("attempt_0002", "kr60_success")):
        shutil.copytree(BAGS / shipped, tmp_path / name)
    with BagWriter(tmp_path / "snapshot_0001", TOPICS) as writer:
        writer.custom[REASON] = "an operator's call"
    (episode,) = load_demonstrations(tmp_path, 13, 6, task=make_task("lap_joint"))
    assert episode.success
    assert "attempt_0001 is left out: its attempt ended in timeout" in caplog.text
    assert "snapshot_0001 is left out: a snapshot" in caplog.text
    with pytest.raises(ConfigurationError, match="attempt_0001"):
        load_demonstrations(tmp_path / "attempt_0001", 13, 6, task=make_task("lap_joint"))
    shutil.rmtree(tmp_path / "attempt_0002")
    with pytest.raises(ConfigurationError, match="there are none at"):
        load_demonstrations(tmp_path, 13, 6, task=make_task("lap_joint"))


@pytest.mark.parametrize("number", [np.nan, np.inf, 1e30])
@pytest.mark.parametrize("name", ["observation", "action"])
def test_numbers_that_nothing_measures_are_refused(tmp_path, name, number):
    path = tmp_path / "attempt_0001"
    with BagWriter(path, TOPICS) as writer:
        for tick, height in enumerate((0.03, 0.02, 0.0)):
            pose = np.array((0, 0, height, 0, 0, 0, 1, *[0.0] * 6), np.float32)
            values = {"observation": pose, "action": np.zeros(6, np.float32)}
            values[name][-1] = number
            for kind, array_of in values.items():
                writer.write(f"/policy/{kind}", array(array_of), 2 * tick + 1)
    with pytest.raises(ConfigurationError, match=f"sample 1: expected an {name} of finite numbers"):
        load_demonstrations(path, 13, 6, task=make_task("lap_joint"))
