"""Replay of a bag whose recording was paused."""

import json

import numpy as np
import pytest
from copied_bags import BAGS
from foreign_bags import messages_of

from der_ros.bags.pauses import PAUSED, Pause, pauses_to_text
from der_ros.bags.recorder import BagWriter, RecordedTopic
from der_ros.cli.bag_commands import replay_bag
from der_ros.errors import BagError
from der_ros.offline_replay.attempt_replay import replay_bag as replayed
from der_ros.offline_replay.live.live_check import TickMatch
from der_ros.offline_replay.live.played_bag import read_played_bag
from der_ros.offline_replay.plot.attempt_plot import AttemptPlot

LATCHED = ("/policy/contract", "/kuka/limits")
POLICY = str(BAGS / "lap_joint.onnx")


def paused_bag(target, told=True, name="kr60_exact"):
    """Copy a bag as if it had been paused for 0.6 s in its middle."""
    types, _, messages = messages_of(BAGS / name)
    begin_ns = messages[len(messages) // 2][1]
    pause = Pause(begin_ns, begin_ns + 600_000_000)
    topics = [RecordedTopic(topic, kind, topic in LATCHED) for topic, kind in types.items()]
    newest = {topic: data for topic, at_ns, data in messages if topic in LATCHED}
    with BagWriter(target, topics) as writer:
        for topic, at_ns, data in messages:
            if at_ns <= pause.begin_ns:
                writer.write(topic, data, at_ns)
        for topic, data in newest.items():
            writer.write(topic, data, pause.end_ns)
        for topic, at_ns, data in messages:
            if at_ns > pause.end_ns:
                writer.write(topic, data, at_ns)
        if told:
            writer.custom[PAUSED] = pauses_to_text([pause])
    return target, pause


def test_a_paused_bag_replays_the_same(tmp_path, capsys):
    bag, _ = paused_bag(tmp_path / "bag")
    assert replay_bag.main([str(bag), "--policy", POLICY, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)["replay"]
    assert report["rebuilt"]["outcome"] == report["recorded_outcome"]["outcome"] == "success"
    (told,) = report["paused"]
    assert told["duration_s"] == pytest.approx(0.6)
    assert told["text"].startswith("paused from ")
    assert report["ticks_not_compared"] <= 3
    assert report["ticks"] > 20


def test_a_gap_that_is_no_pause_is_a_fault(tmp_path, capsys):
    bag, _ = paused_bag(tmp_path / "bag", told=False)
    assert replay_bag.main([str(bag), "--policy", POLICY]) == 1
    assert "no robot pose for 0.2 s" in capsys.readouterr().out


def test_a_pause_is_shown_in_report_and_plot(tmp_path, capsys):
    bag, pause = paused_bag(tmp_path / "bag")
    assert replay_bag.main([str(bag), "--policy", POLICY]) == 0
    assert "recording:             paused from " in capsys.readouterr().out
    plot = AttemptPlot(compares=False)
    replay = replayed(bag, None, None, on_sample=plot.cycles.add)
    force = plot.figure("bag", replay).axes[0]
    (span,) = (each for each in force.patches if each.get_label() == "recording paused")
    begin_s, end_s = np.array(span.get_extents().transformed(force.transData.inverted())).T[0]
    assert begin_s == pytest.approx(1e-9 * (pause.begin_ns - replay.start_ns), abs=1e-6)
    assert end_s - begin_s == pytest.approx(0.6, abs=1e-6)


def test_a_live_replay_has_the_pause_and_no_tick_of_it(tmp_path):
    whole = read_played_bag(BAGS / "kr60_exact")
    path, pause = paused_bag(tmp_path / "bag")
    bag = read_played_bag(path)
    assert all(tick.is_known for tick in bag.ticks)
    assert 8 <= len(whole.ticks) - len(bag.ticks) <= 12
    (resumed,) = (i for i, tick in enumerate(bag.ticks) if tick.follows_pause)
    gap_s = bag.ticks[resumed].at_s - bag.ticks[resumed - 1].at_s
    assert 0.6 <= gap_s < 0.8
    begin_s = 1e-9 * (pause.begin_ns - bag.start_ns)
    assert bag.pause_at(begin_s + 0.3) == pause
    assert bag.pause_at(begin_s - 0.01) is bag.pause_at(begin_s + 0.61) is None


def test_a_long_pause_can_be_played_and_a_long_gap_not(tmp_path, monkeypatch):
    monkeypatch.setattr("der_ros.offline_replay.live.played_bag.LONGEST_GAP_S", 0.3)
    path, _ = paused_bag(tmp_path / "told")
    assert read_played_bag(path).ticks
    path, _ = paused_bag(tmp_path / "untold", told=False)
    with pytest.raises(BagError, match=r"at most 0\.3 s apart, got one 0\.[67]"):
        read_played_bag(path)


@pytest.mark.parametrize(("lag", "steps"), [(0, 0), (3, 3)])
def test_after_a_pause_the_memory_fills_first(tmp_path, lag, steps):
    path, _ = paused_bag(tmp_path / "bag")
    bag = read_played_bag(path)
    bag = bag._replace(policy=bag.policy._replace(longest_lag=lag))
    match, in_step = TickMatch(bag), []
    for index, tick in enumerate(bag.ticks):
        assert match.find(tick.observation) == index
        in_step.append(match.is_in_step)
    assert in_step.count(False) == steps
    (resumed,) = (i for i, tick in enumerate(bag.ticks) if tick.follows_pause)
    assert not any(in_step[resumed : resumed + steps])
