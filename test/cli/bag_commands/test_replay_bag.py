"""``replay_bag``: exit code, one JSON object, one line per error."""

import hashlib
import json

import numpy as np
import pytest
from policy_bags import TOPICS, array, string
from policy_files import TANH_OF_PRODUCT, weight, write_graph

from der_ros.bags.recorder import BagWriter
from der_ros.cli.bag_commands.replay_bag import main
from der_ros.policy.contract import PolicyContract


def write_policy(path, gain):
    """Write a policy with action = tanh(gain * observation[:6])."""
    path.parent.mkdir(exist_ok=True)
    contract = PolicyContract("lap_joint", (0.05,) * 6, 0.06)
    weights = [weight(gain * np.eye(13, 6))]
    return write_graph(path, TANH_OF_PRODUCT, weights, contract.to_metadata())


@pytest.fixture
def policy(tmp_path):
    return write_policy(tmp_path / "models" / "policy.onnx", 0.5)


@pytest.fixture
def bag(tmp_path, policy):
    info = json.dumps(
        {"sha256": hashlib.sha256(policy.read_bytes()).hexdigest(), "path": str(policy)}
    )
    path = tmp_path / "run" / "bags" / "attempt_0001"
    rng = np.random.default_rng(0)
    with BagWriter(path, TOPICS) as writer:
        writer.write("/policy/info", string(info), 1)
        for tick in range(8):
            observation = rng.normal(size=13).astype(np.float32)
            writer.write("/policy/observation", array("observation", tick, observation), tick + 2)
            action = np.tanh(np.float32(0.5) * observation[:6])
            writer.write("/policy/action", array("action", tick, action), tick + 2)
    return path


def test_the_policy_of_the_bag_gives_its_actions(bag, policy, capsys):
    assert main([str(bag)]) == 0
    output = capsys.readouterr()
    assert "verdict:               same" in output.out
    assert "samples:               8" in output.out
    assert str(policy) in output.err


def test_json_is_one_object_on_standard_output(bag, capsys):
    assert main([str(bag), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["bag"] == str(bag)
    assert report["samples"] == 8
    assert report["max_action_difference"] < 1e-6
    assert report["verdict"] == "same"


def test_another_policy_is_reported_as_different(bag, tmp_path, capsys):
    other = write_policy(tmp_path / "other.onnx", 0.6)
    assert main([str(bag), "--policy", str(other), "--json"]) == 1
    output = capsys.readouterr()
    report = json.loads(output.out)
    assert report["verdict"] == "different"
    assert report["max_action_difference"] > 0.01
    assert "of 8 differs by" in output.err
    assert main([str(bag), "--policy", str(other), "--tolerance", "1.0"]) == 0


def test_a_moved_policy_is_found_by_its_content(bag, policy, capsys):
    write_policy(bag.parents[1] / "a_wrong_one.onnx", 0.6)
    policy.rename(bag.parents[1] / "policy.onnx")
    assert main([str(bag)]) == 0
    assert str(bag.parents[1] / "policy.onnx") in capsys.readouterr().err


def test_a_policy_that_changed_is_not_taken(bag, policy, capsys):
    write_policy(policy, 0.6)
    assert main([str(bag)]) == 2
    assert "sha256" in capsys.readouterr().err


def cut(bag):
    file = bag / f"{bag.name}.mcap"
    file.write_bytes(file.read_bytes()[:300])


def vanish(bag):
    bag.rename(bag.with_name("elsewhere"))


def incomplete(bag):
    bag.rename(bag.with_name(bag.name + ".part"))


@pytest.mark.parametrize("damage", [cut, vanish, incomplete])
@pytest.mark.parametrize("with_policy", [True, False])
def test_a_bag_that_cannot_be_used_is_one_line(bag, policy, damage, with_policy, capsys):
    damage(bag)
    arguments = [str(bag), "--json", *(["--policy", str(policy)] if with_policy else [])]
    assert main(arguments) == 2
    output = capsys.readouterr()
    report = json.loads(output.out)
    assert (report["verdict"], report["samples"]) == ("unusable", 0)
    assert report["max_action_difference"] is None
    errors = [line for line in output.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert str(bag) in errors[0]


def test_a_policy_file_that_is_none_is_one_line(bag, tmp_path, capsys):
    for content in (b"no onnx", None):
        path = tmp_path / "bad.onnx"
        path.write_bytes(content) if content else path.unlink()
        assert main([str(bag), "--policy", str(path)]) == 2
        output = capsys.readouterr()
        assert output.out == ""
        assert output.err.count("\n") == 1
        assert str(path) in output.err


@pytest.mark.parametrize("tolerance", ["-1", "nan", "x"])
def test_a_tolerance_without_sense_is_refused(bag, tolerance):
    with pytest.raises(SystemExit, match="2"):
        main([str(bag), f"--tolerance={tolerance}"])
