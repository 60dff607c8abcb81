"""``ros2 launch der_ros replay_bag.launch.py``: a recorded attempt for a running policy server."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from deployment import alive, launched, pids

from der_ros.bags.bag_replay import ReplayVerdict, replay_policy
from der_ros.bags.reader import BagReader
from der_ros.offline_replay.recorded_policy import policy_of_bag
from der_ros.policy.runtime import OnnxPolicy

pytestmark = pytest.mark.ros

LAUNCH_FILE = "replay_bag.launch.py"
BAG = Path(__file__).parents[1] / "replay" / "bags" / "kr60_exact"


@pytest.mark.in_turn
def test_a_recorded_attempt_is_answered_as_recorded(tmp_path):
    output, junit = tmp_path / "output", tmp_path / "replay.xml"
    given = [f"bag:={BAG}", f"junit:={junit}", f"run_dir:={tmp_path}"]
    with launched(LAUNCH_FILE, output, *given) as process:
        assert process.wait(timeout=120) == 0
    said = output.read_text()
    assert "verdict:      same" in said
    assert not any(alive(pid) for pid in pids(said))
    with BagReader(BAG) as reader:
        policy = OnnxPolicy.load(policy_of_bag(reader))
    again = replay_policy(tmp_path / "bags" / "attempt_0001", policy)
    assert again.verdict is ReplayVerdict.SAME, again.reason
    assert again.samples >= 35
    suite = ElementTree.parse(junit).getroot()
    assert [suite.get(name) for name in ("tests", "failures", "errors")] == ["1", "0", "0"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "bag: expected the folder of a recorded attempt"),
        ([f"bag:={BAG}", "namespace:=cell_1"], "namespace: expected 'replay'"),
        ([f"bag:={BAG}", "rate:=0.05"], "rate: expected a number from 0.1 to 10"),
        (["bag:=/nowhere"], "no such folder"),
    ],
)
def test_a_wrong_argument_starts_nothing(arguments, complaint, tmp_path):
    output = tmp_path / "output"
    with launched(LAUNCH_FILE, output, *arguments) as process:
        assert process.wait(timeout=60) != 0
    said = output.read_text()
    assert "nothing was started" in said
    assert complaint in said
    assert not pids(said)
