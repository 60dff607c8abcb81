from __future__ import annotations

import math

import gymnasium
import numpy as np
import pytest

import der_ros.envs
from der_ros.envs import AssemblyEnv, Randomization, TaskEnv
from der_ros.envs.control_period import split_control_period
from der_ros.envs.governing import default_limits
from der_ros.envs.scripted import blind_action, oracle_action
from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose, Twist, Wrench
from der_ros.policy.governor import Intervention
from der_ros.policy.observation import build_observation
from der_ros.sim.robots import ROBOT_NAMES
from der_ros.sim.servo import ServoConfig
from der_ros.tasks import TASK_NAMES, TASKS, InitialState, make_task
from support.task_cells import all_cells

ID = "der_ros/LapJoint-v0"
IDS = [entry.environment_id for entry in TASKS.values()]


def run_episode(env, controller, seed):
    env.reset(seed=seed)
    while True:
        _, reward, terminated, truncated, info = env.step(controller(env))
        if terminated or truncated:
            return terminated, reward, info


def rollout(env, seed, steps=60):
    rows = [env.reset(seed=seed)[0]]
    rng = np.random.default_rng(seed)
    drift = np.array((0.0, 0.0, -0.6, 0.0, 0.0, 0.0))
    for _ in range(steps):
        action = np.clip(drift + 0.4 * rng.standard_normal(6), -1, 1)
        observation, _, terminated, truncated, _ = env.step(action)
        rows.append(observation)
        if terminated or truncated:
            rows.append(env.reset()[0])
    return np.array(rows)


# -- interface of Gymnasium ----------------------------------------------------------------------


@pytest.mark.parametrize("name", IDS)
def test_spaces_are_the_papers(name):
    env = gymnasium.make(name, clearance=0.002, control_dt=0.012)
    assert env.observation_space.shape == (13,)
    assert env.observation_space.dtype == np.float32
    assert env.action_space.shape == (6,)
    assert env.unwrapped.task.clearance_m == 0.002
    assert env.unwrapped.control_dt_s == 0.012
    env.close()


# -- repeatability -------------------------------------------------------------------------------


# Every task on every robot with the preset deploy, and the other presets without an arm.
EVERYWHERE = [(cell.task, cell.robot, "deploy", cell.options) for cell in all_cells()]
ELSEWHERE = [(name, "robotless", preset, {}) for name in TASK_NAMES for preset in ("none", "paper")]


@pytest.mark.parametrize(("name", "robot", "randomization", "options"), EVERYWHERE + ELSEWHERE)
def test_same_seed_and_actions_give_the_same_bits(name, robot, randomization, options):
    one, two = (
        TaskEnv(name, robot=robot, randomization=randomization, task_options=options)
        for _ in range(2)
    )
    first = rollout(one, 3)
    rollout(two, 8)  # earlier episodes must have no effect
    second = rollout(two, 3)
    for step, (a, b) in enumerate(zip(first, second, strict=True)):
        assert a.tobytes() == b.tobytes(), f"step {step}: {a} and {b}"
    assert np.abs(first[:, 7:10]).max() > 20.0
    assert rollout(one, 4).tobytes() != first.tobytes()
    one.close()
    two.close()


# -- what a step does ----------------------------------------------------------------------------


def test_the_first_observation_has_no_wrench(env):
    observation, info = env.reset(seed=0)
    assert observation == pytest.approx([0, 0, 0.04, 0, 0, 0, 1] + [0] * 6, abs=1e-6)
    assert info["success"] is info["is_success"] is False
    assert info["peak_force_n"] == pytest.approx(0.0, abs=1e-6)
    assert info["distance_m"] == pytest.approx(
        env.task.distance(env.task.start_pose, env.goal_pose), abs=1e-6
    )


def test_the_action_is_scaled_to_the_speed_limits(env):
    env.reset(seed=0)
    for _ in range(6):
        observation, *_ = env.step((0, 0.5, 0, 0, 0, 0))
    # 0.5 * 0.05 m/s over 0.36 s, less the governor's ramp of 1 m/s^2.
    assert observation[1] == pytest.approx(0.5 * 0.05 * 0.36, abs=7e-4)
    env.reset(seed=0)
    for _ in range(20):
        observation, *_ = env.step((0, 0, 0, 0, 0, 1))
    assert 2 * math.asin(observation[5]) == pytest.approx(0.05 * 1.2, abs=2e-3)


def test_actions_beyond_one_are_clipped(env):
    env.reset(seed=0)
    big = env.step((0, 0, -30, 0, 0, 0))[0]
    env.reset(seed=0)
    assert big.tolist() == env.step((0, 0, -1, 0, 0, 0))[0].tolist()


def test_the_observation_is_built_as_on_the_robot(env):
    env.reset(seed=2)
    for _ in range(25):
        observation, _, _, _, info = env.step((0.1, 0, -1, 0, 0, 0))
    assert np.linalg.norm(info["wrench"][:3]) > 10.0
    expected = build_observation(env.world.held_pose(), Wrench.from_array(info["wrench"]))
    assert observation.tolist() == expected.tolist()


def test_reward_and_distance_are_of_the_true_goal(env):
    env.reset(seed=2)
    _, reward, _, _, info = env.step((0, 0, -1, 0, 0, 0))
    assert info["distance_m"] == env.task.distance(env.world.held_pose(), env.goal_pose)
    assert reward == -info["distance_m"]


def test_the_governor_keeps_a_push_near_its_soft_limit(env):
    env.reset(options={"initial": off_by(0.002, 0.002)})
    flags, forces = 0, []
    for _ in range(100):
        *_, info = env.step((0, 0, -1, 0, 0, 0))
        flags |= info["interventions"]
        forces.append(info["wrench"][2])
    assert flags & Intervention.SOFT_FORCE
    assert not info["latched"]
    # At full speed the force rises by tens of newtons in 12 ms, before the governor reacts.
    assert env.task.soft_force_n < np.mean(forces[-50:]) < env.task.soft_force_n + 30.0
    assert env.task.soft_force_n < info["peak_force_n"] < 300.0
    assert info["penetration_m"] < 1e-4


def off_by(x, y):
    quaternion = np.array((0, 0, 0, 1.0))
    return InitialState(
        Pose(np.array((0, 0, 0.04)), quaternion), Pose(np.array((x, y, 0)), quaternion)
    )


# -- how an episode ends -------------------------------------------------------------------------


def test_it_terminates_on_success(env):
    env.reset(options={"initial": off_by(0.0, 0.0)})
    for _ in range(30):
        _, reward, terminated, truncated, info = env.step((0, 0, -1, 0, 0, 0))
        if terminated:
            break
    assert terminated
    assert not truncated
    assert info["success"] is info["is_success"] is True
    assert reward == pytest.approx(100.0 - info["distance_m"])
    assert info["distance_m"] <= 0.005


def test_it_is_truncated_at_the_time_limit():
    env = TaskEnv("lap_joint", task_options={"time_limit_s": 1.0})
    env.reset(seed=0)
    ends = [env.step(np.zeros(6))[2:4] for _ in range(16)]
    assert ends == [(False, False)] * 15 + [(False, True)]  # 16 * 0.06 s <= 1 s < 17 * 0.06 s
    env.close()


@pytest.mark.parametrize("action", [(1, 0, 0, 0, 0, 0), (0, -1, 0, 0, 0, 0), (0, 0, 1, 0, 0, 0)])
def test_it_is_truncated_at_the_edge_of_the_workspace(env, action):
    env.reset(seed=0)
    for _ in range(20):
        _, _, terminated, truncated, _ = env.step(action)
        if truncated:
            break
    assert truncated
    assert not terminated
    low, high = env.task.workspace
    position = env.world.held_pose().position
    assert (position >= low).all()
    assert (position <= high).all()


def test_it_is_truncated_when_the_piece_tilts_too_far():
    env = TaskEnv("lap_joint", task_options={"max_tilt_rad": 0.05})
    env.reset(seed=0)
    ends = [env.step((0, 0, 0, 1, 0, 0))[3] for _ in range(20)]
    assert ends.index(True) == pytest.approx(0.05 / 0.05 / 0.06, abs=2)
    env.close()


def test_it_is_truncated_when_the_governor_latches():
    task = make_task("lap_joint")
    limits = default_limits(task)
    fields = {name: getattr(limits, name) for name in limits.__dataclass_fields__}
    fields.update(soft_force_n=10.0, hard_force_n=20.0)
    env = TaskEnv("lap_joint", limits=type(limits)(**fields))
    env.reset(options={"initial": off_by(0.002, 0.002)})
    for _ in range(30):
        _, _, terminated, truncated, info = env.step((0, 0, -1, 0, 0, 0))
        if truncated:
            break
    assert truncated
    assert not terminated
    assert info["latched"] is True
    assert info["interventions"] & Intervention.HARD_FORCE
    env.close()


# -- can it be solved ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", TASK_NAMES)
def test_an_oracle_succeeds(name):
    env = TaskEnv(name)
    outcomes = [run_episode(env, oracle_action, seed) for seed in range(20)]
    assert all(terminated for terminated, _, _ in outcomes)
    assert max(info["peak_force_n"] for _, _, info in outcomes) < 100.0
    env.close()


@pytest.mark.parametrize("name", TASK_NAMES)
def test_an_oracle_succeeds_with_a_soft_arm(name):
    env = TaskEnv(name, clearance=0.0002, servo=ServoConfig.soft())
    outcomes = [run_episode(env, oracle_action, seed)[0] for seed in range(5)]
    assert all(outcomes)
    env.close()


@pytest.mark.parametrize(
    ("name", "options"), [*((name, {}) for name in TASK_NAMES), ("peg_in_hole", {"shape": "round"})]
)
@pytest.mark.parametrize("end", [0, 1])
@pytest.mark.parametrize("robot", ROBOT_NAMES)
def test_an_oracle_pushes_home_at_any_play(name, end, robot, options):
    clearance = TASKS[name].task.clearance_range_m[end]
    env = TaskEnv(name, robot=robot, clearance=clearance, epsilon_m=0.0015, **options)
    outcomes = [run_episode(env, oracle_action, seed) for seed in range(5)]
    assert all(terminated for terminated, _, _ in outcomes)
    assert max(info["distance_m"] for _, _, info in outcomes) <= 0.0015
    env.close()


@pytest.mark.parametrize("name", TASK_NAMES)
def test_a_blind_push_succeeds_rarely(name):
    env = TaskEnv(name, task_options={"time_limit_s": 4.0})
    outcomes = [run_episode(env, blind_action, seed)[0] for seed in range(20)]
    assert sum(outcomes) <= 3
    env.close()


@pytest.mark.parametrize("name", TASK_NAMES)
def test_episodes_of_random_actions_keep_within_bounds(name):
    env = TaskEnv(name, randomization="paper")
    for seed in range(4):
        rows = rollout(env, seed, steps=250)
        assert np.isfinite(rows).all()
    env.close()


# -- randomization -------------------------------------------------------------------------------


def test_sensor_noise_reaches_the_observation():
    env = TaskEnv("lap_joint", randomization="paper")
    env.reset(seed=0)
    rows = np.array([env.step(np.zeros(6))[0] for _ in range(200)])
    assert rows[:, :3].std(axis=0) == pytest.approx(np.full(3, 0.001), rel=0.25)
    assert rows[:, 7:10].std(axis=0) == pytest.approx(np.full(3, 0.5), rel=0.25)
    env.close()


def test_action_and_friction_noise_change_the_motion():
    quiet, noisy = (
        TaskEnv("lap_joint"),
        TaskEnv("lap_joint", randomization=Randomization(action_noise_std=0.1)),
    )
    for env in (quiet, noisy):
        env.reset(seed=0)
        env.step((0, 0.5, 0, 0, 0, 0))
    way = [env.world.held_pose().position[1] for env in (quiet, noisy)]
    assert way[0] != way[1]
    assert way[1] == pytest.approx(way[0], rel=0.5)
    quiet.close()
    noisy.close()
    env = TaskEnv("lap_joint", randomization=Randomization(friction_std=0.2))
    scales = set()
    for seed in range(5):
        env.reset(seed=seed)
        scales.add(env.world.save().variation.friction_scale)
    assert len(scales) == 5
    assert all(0.3 < scale < 1.7 for scale in scales)
    env.close()


# -- options of the task -------------------------------------------------------------------------


def test_task_options_are_environment_keywords():
    env = gymnasium.make(ID, clearance=0.002, epsilon_m=0.001, task_options={"friction": 0.3})
    task = env.unwrapped.task
    assert (task.clearance_m, task.epsilon_m, task.friction) == (0.002, 0.001, 0.3)
    env.close()


@pytest.mark.parametrize("options", [{"clearance": 0.002}, {"clearance_m": 0.002}])
def test_an_option_given_twice_is_refused(options):
    with pytest.raises(ConfigurationError, match="got clearance_m here and as a keyword"):
        TaskEnv("lap_joint", task_options={"clearance_m": 0.001}, **options)


def test_the_arm_starts_at_its_assumed_pose():
    errors = Randomization(grasp_position_spread_m=0.001, goal_position_error_std_m=0.001)
    env = TaskEnv("lap_joint", randomization=errors)
    for seed in range(5):
        observation, info = env.reset(seed=seed)
        assert observation == pytest.approx([0, 0, 0.04, 0, 0, 0, 1] + [0] * 6, abs=1e-6)
        away = env.world.held_pose().position - env.task.start_pose.position
        assert 1e-4 < np.linalg.norm(away) < 5e-3
        true = env.task.distance(env.world.held_pose(), env.goal_pose)
        assert info["distance_m"] == true
    env.close()


def test_stiffness_mass_and_clearance_reach_the_world():
    spreads = Randomization(stiffness_spread=0.5, held_mass_spread=0.2, clearance_spread_m=0.0003)
    env = TaskEnv("lap_joint", randomization=spreads)
    variations = []
    for seed in range(40):
        env.reset(seed=seed)
        variations.append(env.world.save().variation)
    assert {v.friction_scale for v in variations} == {1.0}
    assert len({v.stiffness_scale for v in variations}) == 40
    assert len({v.mass_scale for v in variations}) == 40
    grounds = {v.ground for v in variations}
    assert len(grounds) == 7
    wide = make_task("lap_joint", clearance_m=0.0013).ground
    assert wide in grounds
    assert None in grounds
    env.close()


def test_a_clearance_stays_within_the_tasks_own_limits():
    spread = Randomization(clearance_spread_m=0.001)
    env = TaskEnv("lap_joint", clearance=0.0003, randomization=spread)
    grounds = set()
    for seed in range(60):
        env.reset(seed=seed)
        grounds.add(env.world.save().variation.ground)
    assert make_task("lap_joint", clearance_m=0.0002).ground in grounds
    assert len(grounds) == 5  # of seven steps three equal the smallest
    env.close()


def test_under_all_that_a_cell_has_an_oracle_succeeds():
    for task in TASK_NAMES:
        env = TaskEnv(task, randomization="deploy")
        outcomes = [run_episode(env, oracle_action, seed)[0] for seed in range(8)]
        assert all(outcomes), task
        env.close()


# -- rendering -----------------------------------------------------------------------------------


def test_a_picture_shows_both_timbers_in_motion():
    env = gymnasium.make(ID, render_mode="rgb_array").unwrapped
    env.reset(seed=0)
    before = env.render()
    assert before.shape == (360, 480, 3)
    assert before.dtype == np.uint8
    colours = before.reshape(-1, 3).astype(int)
    wooden = (colours[:, 0] > colours[:, 2] + 30).mean()
    bluish = (colours[:, 2] > colours[:, 0] + 5).mean()
    assert wooden > 0.05
    assert bluish > 0.05
    for _ in range(5):
        env.step((0, 0, -1, 0, 0, 0))
    assert (env.render() != before).any(axis=2).mean() > 0.01
    env.close()


def test_without_a_render_mode_there_is_no_picture(env):
    env.reset(seed=0)
    assert env.render() is None


@pytest.mark.parametrize(
    ("control_dt", "expected"), [(0.06, (5, 3)), (0.012, (1, 3)), (0.004, (1, 1)), (0.02, (5, 1))]
)
def test_control_periods_are_whole_robot_cycles(control_dt, expected):
    assert split_control_period(control_dt) == expected


def test_a_shorter_period_is_the_same_motion():
    ways = []
    for control_dt, steps in ((0.06, 10), (0.012, 50)):
        env = TaskEnv("lap_joint", control_dt=control_dt)
        env.reset(seed=0)
        for _ in range(steps):
            observation = env.step((0.3, 0.2, -0.1, 0, 0, 0.5))[0]
        ways.append(observation.tolist())
        env.close()
    assert ways[0] == ways[1]


def test_a_closed_environment_opens_again(env):
    env.reset(seed=0)
    env.close()
    env.close()
    env.reset(seed=0)
    env.step(np.zeros(6))


# -- cost ----------------------------------------------------------------------------------------


def test_a_thousand_resets_leave_no_worlds_behind(env):
    env.reset(seed=0)
    client = env.world.client
    for _ in range(1000):
        env.reset()
    assert env.world.client == client
    assert env.world.held_pose().position == pytest.approx(env.task.start_pose.position, abs=1e-9)


def test_the_world_can_be_driven_without_gymnasium():
    """As in the simulated cell: a robot's cycles, and a new ground piece between attempts."""
    env = AssemblyEnv(make_task("lap_joint"))
    env.reset(options={"initial": off_by(0.002, 0.002)})
    world = env.world
    world.place_ground(Pose.identity())
    for _ in range(80):
        world.advance(Twist(np.array((0, 0, -0.05)), np.zeros(3)), 3)
    assert env.task.is_seated(world.held_pose())
    env.close()
    assert der_ros.envs.PRESETS
