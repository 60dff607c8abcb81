"""Environment steps compared with bare PyBullet steps of the same scene, on one core.

The bare loop replays, in its own scene, the forces that the servo applied in the environment's
episodes and the velocities of the ground piece on its spring. It applies them, steps, reads the
poses of both pieces and the sensor's joint, and does nothing else.
So motions and contacts are bit-identical, and the difference is this package: servo, governor,
observation, reward. Times are processor times, so waiting for the core does not count, although
other processes may share its caches.

    python benchmarks/bench_sim.py [--task lap_joint] [--episodes 20] [--repeat 3]
        [--option robot=iiwa …] [--json]
"""

from __future__ import annotations

import gc
import math
import sys
import time
from typing import Any, NamedTuple

import numpy as np
import pybullet

import der_ros.envs
from der_ros.sim.world import AssemblyWorld
from der_ros.tasks import TASK_NAMES, InitialState
from support.report import Figure, argument_parser, count, more_is_better, show
from support.task_cells import add_options


class RecordedEpisode(NamedTuple):
    """One recorded episode of the environment."""

    initial: InitialState
    actions: list[np.ndarray]
    pulls: list[list[tuple[Any, ...]]]  # for each physics step, the calls that apply its forces


def searching_actions(rng: np.random.Generator, count: int) -> list[np.ndarray]:
    """Return actions like those of a policy in training: downwards, with correlated noise."""
    noise, actions = np.zeros(6), []
    for _ in range(count):
        noise = 0.85 * noise + 0.5 * rng.standard_normal(6)
        actions.append(np.clip(np.array((0, 0, -0.5, 0, 0, 0)) + 0.3 * noise, -1, 1))
    return actions


def record(env: der_ros.envs.AssemblyEnv, seed: int) -> RecordedEpisode:
    """Run one episode and record its actions and the forces of its servo."""
    rng = np.random.default_rng(seed)
    initial = env.task.sample_initial_state(rng)
    pulls: list[list[tuple[Any, ...]]] = [[]]
    names = "applyExternalForce", "applyExternalTorque", "resetBaseVelocity", "stepSimulation"
    originals = {name: getattr(pybullet, name) for name in names}

    def recording(call: Any) -> Any:
        return lambda *arguments: (pulls[-1].append((call, *arguments[:-1])), call(*arguments))

    def stepping(client: int) -> None:
        pulls.append([])
        originals["stepSimulation"](client)

    for name in names[:3]:
        setattr(pybullet, name, recording(originals[name]))
    pybullet.stepSimulation = stepping
    actions = []
    env.reset(options={"initial": initial})
    pulls[:] = [[]]  # the bare world settles by the same code when it is reset
    for action in searching_actions(rng, env.max_steps):
        actions.append(action)
        _, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            break
    for name in names:
        setattr(pybullet, name, originals[name])
    return RecordedEpisode(initial, actions, pulls[:-1])


def time_env(env: der_ros.envs.AssemblyEnv, episodes: list[RecordedEpisode]) -> float:
    """Return the processor time of the environment for the episodes, resets included, s."""
    start = time.process_time()
    for episode in episodes:
        env.reset(options={"initial": episode.initial})
        for action in episode.actions:
            env.step(action)
    return time.process_time() - start


def sense(world: AssemblyWorld) -> None:
    """Enable the engine's joint sensor, which the arm-less tool does not use."""
    tool, _, held = world.scene
    if world.robot.arm is None:
        pybullet.enableJointForceTorqueSensor(tool, held, True, physicsClientId=world.client)


def time_bare(world: AssemblyWorld, episodes: list[RecordedEpisode]) -> float:
    """Return the processor time of bare PyBullet for the same forces in the same scene, s."""
    client, (tool, ground, held), total = world.client, world.scene, 0.0
    gives = world.compliance is not None
    for episode in episodes:
        world.reset(episode.initial)
        start = time.process_time()
        for calls in episode.pulls:
            for call, *arguments in calls:
                call(*arguments, client)
            pybullet.stepSimulation(client)
            pybullet.getLinkState(tool, held, 1, 1, client)
            pybullet.getJointState(tool, held, client)
            if gives:
                pybullet.getBasePositionAndOrientation(ground, client)
        total += time.process_time() - start
    return total


def time_resets(env: der_ros.envs.AssemblyEnv, count: int = 500) -> float:
    """Return the processor time of one reset of the environment, s."""
    start = time.process_time()
    for _ in range(count):
        env.reset()
    return (time.process_time() - start) / count


def measure(
    task: str, options: dict[str, Any], episode_count: int, repeat: int
) -> dict[str, float]:
    """Return all figures; the fastest repetition of each episode counts."""
    env = der_ros.envs.TaskEnv(task, **options)
    env.reset(seed=0)
    episodes = [record(env, seed) for seed in range(episode_count)]
    control_steps = sum(len(episode.actions) for episode in episodes)
    physics_steps = sum(len(episode.pulls) for episode in episodes)
    with AssemblyWorld(env.task, robot=env.robot, compliance=env.compliance) as world:
        sense(world)
        time_bare(world, episodes[:1])
        gc.collect()
        best = [(math.inf, math.inf)] * episode_count
        # Alternate by episode, so that other load on the machine affects both sides.
        for _ in range(repeat):
            for number, episode in enumerate(episodes):
                env_s, bare_s = best[number]
                env_s = min(env_s, time_env(env, [episode]))
                best[number] = env_s, min(bare_s, time_bare(world, [episode]))
        same = world_state(world) == world_state(env.world)
    reset_s = time_resets(env)
    env.close()
    env_s, bare_s = (sum(times) for times in zip(*best, strict=True))
    return {
        "env_control_steps_per_s": control_steps / env_s,
        "env_physics_steps_per_s": physics_steps / env_s,
        "bare_physics_steps_per_s": physics_steps / bare_s,
        "ratio": bare_s / env_s,
        "same_motion": float(same),
        "reset_ms": 1e3 * reset_s,
    }


def world_state(world: AssemblyWorld) -> Any:
    """Return the true state of the tool in the engine."""
    return pybullet.getLinkState(world.scene.tool, world.scene.held_link, 0, 1, world.client)[:6]


def raced(figures: dict[str, float]) -> list[Figure]:
    """Return the speed against bare PyBullet, and the other figures; names include the unit."""
    ours, peer = "env_physics_steps_per_s", "bare_physics_steps_per_s"
    rest = {name: value for name, value in figures.items() if name not in (ours, peer, "ratio")}
    return [
        more_is_better(ours, figures[ours], "", "bare PyBullet", figures[peer]),
        *(Figure(name, value, "") for name, value in rest.items()),
    ]


def main() -> int:
    """Run the benchmark and print its figures."""
    parser = argument_parser(__doc__)
    parser.add_argument("--task", choices=TASK_NAMES, default="lap_joint")
    parser.add_argument("--episodes", type=count, default=20)
    parser.add_argument("--repeat", type=count, default=3)
    add_options(parser)
    arguments = parser.parse_args()
    options = dict(arguments.option)
    figures = measure(arguments.task, options, arguments.episodes, arguments.repeat)
    show("sim", raced(figures), arguments.json)
    return 0 if figures["same_motion"] else 1


if __name__ == "__main__":
    sys.exit(main())
