import contextlib
import dataclasses
import random
from pathlib import Path

import pytest

from der_ros.algorithms.base import ALGORITHM_NAMES, LearnerConfig
from der_ros.errors import ConfigurationError, DerRosError
from der_ros.settings import names_of
from der_ros.tasks import make_task
from der_ros.training.config import (
    FIELD_NAMES,
    PRESET_NAMES,
    TrainingConfig,
    load_config,
    make_config,
    parse_override,
)
from der_ros.training.rollout.exploration import make_noise

SOURCE = Path(__file__).parents[2] / "der_ros"


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_presets_load_and_survive_a_round_trip(preset, tmp_path):
    config = load_config(preset, {"seed": 3})
    path = tmp_path / "config.yaml"
    path.write_text(config.to_yaml())
    assert load_config(path) == config
    assert config.seed == 3


# Values of the paper's Sec. 4 and appendix; others are those of RLlib's Ape-X DDPG of 2019.
APPENDIX = {
    "algorithm": "ddpg",
    "policy_loss_coefficient": 0.1,
    "critic_loss_coefficient": 1.0,
    "learning_rate": 1e-3,
    "l2": 1e-6,
    "huber": True,
    "layer_norm": False,
    "tau": 1.0,
    "target_interval": 50_000,
    "batch_size": 512,
    "fragment_steps": 50,
    "learning_starts": 50_000,
    "policy_interval": 400,
    "gamma": 0.99,
    "n_step": 3,
    "reward_scale": 1.0,
    "exploration": "ornstein_uhlenbeck",
    "ou_theta": 0.15,
    "ou_sigma": 0.2,
    "noise_max": 0.1,
    "action_dropout": 0.0,
    "shards": 6,
    "capacity": 2_000_000,
    "zone_size": 20_000,
    "zone_scope": "total",
    "zone_share": None,
    "alpha": 0.5,
    "beta": 0.4,
    "beta_final": None,
    "epsilon": 1e-6,
    "first_priority": "td_error",
    "filter_clip": 10.0,
    "fold_symmetry": False,
}


@pytest.mark.parametrize(
    ("task", "hidden", "success_reward"),
    [("peg_in_hole", (64, 64), 1000.0), ("lap_joint", (256, 256), 100.0)],
)
def test_the_paper_preset_is_the_papers_appendix(task, hidden, success_reward):
    config = load_config("paper", {"task": task})
    values = {**vars(config.learner), **vars(config)}
    assert {name: values[name] for name in APPENDIX} == APPENDIX
    assert config.learner.hidden == hidden
    assert make_task(task).success_reward == success_reward


def test_the_papers_noise_scales_as_in_ape_x():
    config = load_config("paper", {"workers": 30})
    scales = [make_noise(config, worker, 30).scale for worker in (0, 29)]
    assert scales == pytest.approx([2 * 0.1 * 0.4, 2 * 0.1 * 0.4**8])


def test_a_section_counts_for_its_case_only(tmp_path):
    path = tmp_path / "preset.yaml"
    path.write_text(
        "hidden: [8]\nfor_task: {peg_in_hole: {hidden: [4], shards: 2}}\n"
        "for_algorithm: {sac: {shards: 3}}\n"
    )
    assert load_config(path).learner.hidden == (8,)
    peg = load_config(path, {"task": "peg_in_hole"})
    assert (peg.learner.hidden, peg.shards) == ((4,), 2)
    both = load_config(path, {"task": "peg_in_hole", "algorithm": "sac", "hidden": [2]})
    assert (both.learner.hidden, both.shards) == ((2,), 3)
    path.write_text("for_task: [1]\n")
    with pytest.raises(ConfigurationError, match="for_task: expected a mapping"):
        load_config(path)


def test_every_field_is_described_and_used():
    described = {*names_of(TrainingConfig, LearnerConfig), "env_options"}
    folders = ("training", "algorithms")
    text = "\n".join(
        path.read_text()
        for folder in folders
        for path in sorted((SOURCE / folder).rglob("*.py"))
        if path.stem != "config"
    )
    own = (SOURCE / "training" / "config.py").read_text().split("def __post_init__")[1]
    for name in FIELD_NAMES:
        assert name in described
        used = f"config.{name}" in text or f"self.{name}" in own
        assert used, f"{name} is used nowhere"


@pytest.mark.parametrize("preset", PRESET_NAMES)
@pytest.mark.parametrize("algorithm", ALGORITHM_NAMES)
def test_every_preset_goes_with_its_algorithms(preset, algorithm, tmp_path):
    if (preset, algorithm) == ("fast", "dqn"):  # made for continuous actions
        with pytest.raises(ConfigurationError, match="epsilon_greedy with dqn"):
            load_config(preset, {"algorithm": algorithm})
        return
    config = load_config(preset, {"algorithm": algorithm})
    expected = {"sac": ("policy",), "dqn": ("epsilon_greedy",)}
    assert config.exploration in expected.get(algorithm, ("gaussian", "ornstein_uhlenbeck"))


def test_the_learners_fields_are_flat_or_nested():
    nested = make_config({"learner": {"hidden": [8], "tau": 0.5}, "tau": 0.25})
    assert nested.learner == LearnerConfig(hidden=(8,), tau=0.25)
    assert make_config(dataclasses.asdict(nested)) == nested


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
        ("gamma", 1),  # a piece that is given up would cost infinitely much
        ("max_minutes", 0),
        ("privileged", -3),
        ("l2", -1e-3),
        ("target_interval", -1),
        ("target_noise_clip", -0.5),
        ("workers", -2),
        ("zone_size", 10**9),
        ("zone_size", -0.5),
        ("zone_scope", "each"),
        ("beta_final", 1.0),  # never reached without a budget of steps
        ("ray_address", "auto"),  # with the local engine
        ("first_priority", "low"),
        ("exploration", "epsilon_greedy"),  # with continuous actions
        ("greedy_epsilon", 1.0),
        ("env_options", ["shape"]),
        ("env_options", {1: "round"}),
    ],
)
def test_a_wrong_value_is_refused_by_name(name, value):
    with pytest.raises(ConfigurationError, match=r"expected"):
        make_config({name: value})


def test_values_take_the_type_of_their_field():
    values = {"reward_scale": 1, "batch_size": 64.0, "hidden": [8], "zone_share": None}
    config = make_config(values)
    assert (config.reward_scale, type(config.reward_scale)) == (1.0, float)
    assert (config.batch_size, config.learner.hidden) == (64, (8,))


@pytest.mark.parametrize(
    ("source", "text"), [("quick", "fast, paper, gym"), ("none.yaml", "readable")]
)
def test_a_missing_preset_or_file_is_refused(source, text):
    with pytest.raises(ConfigurationError, match=text):
        load_config(source)


def test_environment_options_survive_a_round_trip(tmp_path):
    config = make_config({"env_options": {"shape": "round", "start_yaw_range_rad": [0, 0.5]}})
    (tmp_path / "config.yaml").write_text(config.to_yaml())
    assert load_config(tmp_path / "config.yaml") == config


def test_single_environment_options_are_replaced():
    assert load_config("paper").env_options == {"compliance": "rigid"}
    given = {"env_options": {"start_height_m": 0.05}}
    assert load_config("paper", given).env_options == {
        "compliance": "rigid",
        **given["env_options"],
    }
    given = {"env_options": {"compliance": "cell"}}
    assert load_config("paper", given).env_options == given["env_options"]


def test_options_of_a_presets_environment_stay_there():
    foreign = {"env": "CartPole-v1", "algorithm": "dqn"}
    assert load_config("paper", foreign).env_options == {}
    given = {**foreign, "env_options": {"sutton_barto_reward": True}}
    assert load_config("paper", given).env_options == given["env_options"]


def test_overrides_are_read_as_yaml():
    assert parse_override("hidden=[8, 9]") == ("hidden", [8, 9])
    assert parse_override("zone_share=null") == ("zone_share", None)
    with pytest.raises(ConfigurationError, match="name=value"):
        parse_override("gamma")


def test_without_der_the_ring_gets_the_zone():
    assert make_config({"der": False}).replay().shard.zone_size == 0
    assert make_config({}).replay().shard.zone_size > 0


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"der": False, "zone_share": 0.5}, 1),
        ({"der": False, "zone_share": None}, 0),
        ({"der": True, "zone_share": 0.5}, 0),
        ({"der": False, "zone_share": 0.5, "replay_structure": "one_shot_each", "demos": "d"}, 0),
    ],
)
def test_a_zone_share_of_an_empty_zone_is_reported(settings, told):
    sentences = make_config(settings).without_effect()
    assert len(sentences) == told
    assert all("zone_share 0.5 does nothing" in sentence for sentence in sentences)


@pytest.mark.parametrize(("structure", "told"), [("no_demos", 1), ("one_shot_each", 0)])
def test_unused_demonstrations_are_reported(structure, told):
    sentences = make_config({"demos": "d", "replay_structure": structure}).without_effect()
    assert len(sentences) == told
    assert all("demos d does nothing" in sentence for sentence in sentences)


def test_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainingConfig().seed = 1


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("task: [1]", "task: expected a str, got"),
        ("algorithm: {a: 1}", "algorithm: expected a str, got"),
        ("learning_rate: .nan", "finite number"),
        ("batch_size: 1.0e+40", "batch_size: expected a finite number"),
        ("hidden: [64, 100000000000000000000]", "hidden: expected a finite number"),
        ("[1, 2]", "expected a mapping"),
        ("", "expected a mapping"),
        ("seed: 1\nseed: 2", "'seed' twice"),
        ("seed: " + "[" * 3000, "nesting"),
        ("for_task: {lap_joint: 3}", "for_task"),
        ("for_task: [1]", "for_task"),
    ],
)
def test_a_wrong_file_is_refused_by_its_name(tmp_path, text, match):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=match) as caught:
        load_config(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["gamma=.nan", "seed=&a [*a]", "seed=1e99", "max_minutes=.inf"])
def test_an_override_that_is_no_number_is_refused(text):
    with pytest.raises(ConfigurationError):
        load_config("fast", dict([parse_override(text)]))


def test_damaged_presets_are_refused_or_the_same(tmp_path):
    """Damage may yield another valid number, since a preset has no checksum."""
    rng, path = random.Random(3), tmp_path / "mine.yaml"
    whole = (Path(__file__).parents[2] / "config/train/fast.yaml").read_bytes()
    for _ in range(500):
        damaged = bytearray(whole)
        damaged[rng.randrange(len(whole))] = rng.randrange(256)
        path.write_bytes(damaged)
        with contextlib.suppress(DerRosError):
            load_config(path)
