import dataclasses
from pathlib import Path

import pytest

from der_ros.errors import ConfigurationError
from der_ros.training.config import (
    FIELD_NAMES,
    PRESET_NAMES,
    TrainingConfig,
    load_config,
    make_config,
    parse_override,
)

SOURCE = Path(__file__).parents[2] / "der_ros"


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_presets_load_and_survive_a_round_trip(preset, tmp_path):
    config = load_config(preset, {"seed": 3})
    path = tmp_path / "config.yaml"
    path.write_text(config.to_yaml())
    assert load_config(path) == config
    assert config.seed == 3


def test_the_paper_preset_is_the_papers_appendix():
    config = load_config("paper")
    assert config.algorithm == "ddpg"
    assert (config.policy_loss_coefficient, config.critic_loss_coefficient) == (0.1, 1.0)
    assert (config.learning_rate, config.l2, config.hidden) == (1e-3, 1e-6, (256, 256))
    assert (config.tau, config.target_interval, config.batch_size) == (1.0, 50_000, 512)
    assert (config.shards, config.capacity, config.zone_size) == (6, 2_000_000, 20_000)
    assert (config.alpha, config.beta, config.n_step, config.gamma) == (0.5, 0.4, 3, 0.99)
    assert (config.filter_clip, config.fragment_steps) == (10.0, 50)


def test_every_field_is_described_and_used():
    described = TrainingConfig.__doc__
    text = "\n".join(
        path.read_text() for path in sorted(SOURCE.glob("training/*.py")) if path.stem != "config"
    )
    own = (SOURCE / "training" / "config.py").read_text().split("def __post_init__")[1]
    for name in FIELD_NAMES:
        assert f"        {name}: " in described, f"{name} is not described"
        used = f"config.{name}" in text or f"self.{name}" in own
        assert used, f"{name} is used nowhere"


def test_an_unknown_key_is_refused_with_the_known_ones():
    with pytest.raises(ConfigurationError, match=r"unknown bach_size.*batch_size"):
        make_config({"bach_size": 3})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", "many"),
        ("batch_size", 2.5),
        ("der", 1),
        ("gamma", "0.9"),
        ("hidden", 64),
        ("hidden", [64, "x"]),
        ("task", None),
        ("algorithm", "sarsa"),
        ("replay_structure", "some"),
        ("replay_structure", "one_shot_each"),  # without demonstrations
        ("zone_share", 1.5),
        ("gamma", 1.5),
        ("max_minutes", 0),
        ("workers", -2),
        ("zone_size", 10**9),
        ("zone_size", -0.5),
        ("zone_scope", "each"),
        ("beta_final", 1.0),  # without a budget of steps it would never be reached
        ("ray_address", "auto"),  # with the local engine
        ("first_priority", "low"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name, value):
    with pytest.raises(ConfigurationError, match=r"expected"):
        make_config({name: value})


def test_values_take_the_type_of_their_field():
    config = make_config({"gamma": 1, "batch_size": 64.0, "hidden": [8], "zone_share": None})
    assert (config.gamma, type(config.gamma)) == (1.0, float)
    assert (config.batch_size, config.hidden) == (64, (8,))


@pytest.mark.parametrize(("source", "text"), [("quick", "fast, paper"), ("none.yaml", "readable")])
def test_a_missing_preset_or_file_is_refused(source, text):
    with pytest.raises(ConfigurationError, match=text):
        load_config(source)


def test_overrides_are_read_as_yaml():
    assert parse_override("hidden=[8, 9]") == ("hidden", [8, 9])
    assert parse_override("zone_share=null") == ("zone_share", None)
    with pytest.raises(ConfigurationError, match="name=value"):
        parse_override("gamma")


def test_without_der_and_demonstrations_the_zone_is_given_to_the_ring():
    assert make_config({"der": False}).replay().shard.zone_size == 0
    assert make_config({}).replay().shard.zone_size > 0


def test_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainingConfig().seed = 1
