"""Ticks, inputs and parameters that a live replay reads from a bag."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from der_ros.bags.reader import BagReader
from der_ros.errors import BagError
from der_ros.offline_replay.live import played_bag
from der_ros.offline_replay.live.played_bag import (
    namespace_problem,
    read_played_bag,
    server_parameters,
    stale_after_s,
)

BAG = Path(__file__).parents[2] / "replay" / "bags" / "kr60_exact"


def bags_with_actions():
    """Return the shipped bags in which a policy acts; one begins in the joint, and none acts."""
    found = []
    for metadata in sorted(BAG.parent.glob("*/metadata.yaml")):
        information = yaml.safe_load(metadata.read_text())["rosbag2_bagfile_information"]
        counts = {
            topic["topic_metadata"]["name"]: topic["message_count"]
            for topic in information["topics_with_message_count"]
        }
        if counts["/policy/action"]:
            found.append(metadata.parent)
    return found


def test_each_tick_has_the_inputs_that_the_policy_saw():
    bag = read_played_bag(BAG)
    assert len(bag.ticks) == 35
    assert all(tick.is_known for tick in bag.ticks)
    assert bag.ticks[0].at_s == 0.0
    steps_s = np.diff([tick.at_s for tick in bag.ticks])
    assert np.median(steps_s) == pytest.approx(bag.policy.control_dt_s, abs=0.002)
    assert bag.policy.longest_lag == 0
    assert {tick.pose.frame_id for tick in bag.ticks} == {"base_link"}


def test_the_server_uses_the_bags_cell_and_the_player():
    with BagReader(BAG) as reader:
        given = server_parameters(reader, 1.0)
    assert Path(given["policy"]).name == "lap_joint.onnx"
    assert given["task"] == "lap_joint"
    assert given["task_frame"][:3] == [1.35, 0.25, 0.75]
    assert given["watch_timeout_s"] > 0.0
    assert "kuka/tcp_pose bag_player" in given["rightful_sources"]
    assert not any(entry.startswith("*") for entry in given["rightful_sources"])


def test_all_bags_but_the_jammed_one_have_actions():
    every = {path.parent.name for path in BAG.parent.glob("*/metadata.yaml")}
    assert every - {path.name for path in bags_with_actions()} == {"kr60_jammed"}


@pytest.mark.parametrize("path", bags_with_actions(), ids=lambda path: path.name)
def test_the_server_takes_the_pairs_of_every_bag(path):
    with BagReader(path) as reader:
        allowed_s = server_parameters(reader, 1.0, "policy.onnx")["max_stamp_difference_s"]
    for tick in read_played_bag(path).ticks:
        assert tick.is_known
        assert abs(tick.pose.stamp_ns - tick.wrench.stamp_ns) < 1e9 * allowed_s


@pytest.mark.parametrize(("rate", "timeout_s"), [(10.0, 0.12), (1.0, 0.12), (0.1, 1.2)])
def test_inputs_may_be_older_in_slow_motion(rate, timeout_s):
    assert stale_after_s(0.06, rate) == pytest.approx(timeout_s)


@pytest.mark.parametrize("gaps_s", [[0.06, -0.01], [0.06, 61.0]])
def test_a_recorded_clock_that_jumps_is_refused(gaps_s, monkeypatch):
    read = played_bag._read_ticks
    at_ns = np.cumsum([1_000_000_000, *(int(1e9 * gap) for gap in gaps_s)]).tolist()

    def jumping(reader, setup):
        return [(now, tick) for now, (_, tick) in zip(at_ns, read(reader, setup), strict=False)]

    monkeypatch.setattr(played_bag, "_read_ticks", jumping)
    with pytest.raises(BagError, match=f"{BAG}.*got one .* s after that at 0.060 s"):
        read_played_bag(BAG)


def test_a_bag_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BagError, match="no such folder"):
        read_played_bag(tmp_path / "none")


@pytest.mark.parametrize("namespace", ["replay", "/replay", "/cell_1/replay"])
def test_a_replay_has_a_namespace_of_its_own(namespace):
    assert namespace_problem(namespace) == ""


@pytest.mark.parametrize("namespace", ["", "/", "/cell_1", "replays"])
def test_a_namespace_of_a_cell_is_refused(namespace):
    assert "expected 'replay'" in namespace_problem(namespace)
