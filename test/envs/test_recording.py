import gymnasium
import numpy as np
import pytest

from der_ros.envs import TaskEnv
from der_ros.envs.scripted import oracle_action
from der_ros.envs.video_recording import VideoRecording, frame_interval
from der_ros.errors import ConfigurationError


class Frames(list):
    write = list.append


def play(env, episodes, **reset):
    steps = 0
    for _ in range(episodes):
        env.reset(**reset)
        ended = False
        while not ended:
            _, _, terminated, truncated, _ = env.step(oracle_action(env.unwrapped))
            steps += 1
            ended = terminated or truncated
    return steps


@pytest.fixture(scope="module")
def film():
    """Record two of three episodes; return their video, number of steps and end position."""
    frames = Frames()
    env = VideoRecording(TaskEnv("lap_joint"), frames, 2, "oracle")
    steps = play(env, 2, seed=3)
    end = env.unwrapped.world.held_pose().position
    play(env, 1)
    env.close()
    return frames, steps, end


def test_only_the_first_episodes_are_filmed(film):
    frames, steps, _ = film
    held = round(1.5 / 0.06)
    assert len(frames) == 2 + steps - 2 + 2 * held
    assert {frame.shape for frame in frames} == {(420, 900, 3)}
    assert (frames[-1] == frames[-held]).all()


def test_the_picture_moves_and_so_does_the_panel(film):
    frames, _, _ = film
    first, last = frames[0], frames[-1]
    for part in (slice(0, 560), slice(560, 900)):
        assert (first[:, part] != last[:, part]).any(axis=2).mean() > 0.01


def test_the_episode_is_the_same_as_without_a_film(film):
    _, _, end = film
    env = TaskEnv("lap_joint")
    play(env, 1, seed=3)
    assert (env.unwrapped.world.held_pose().position == end).all()
    env.close()


@pytest.mark.parametrize(("control_dt_s", "every"), [(0.06, 1), (0.012, 4), (0.004, 12)])
def test_there_are_about_twenty_frames_a_second(control_dt_s, every):
    assert frame_interval(control_dt_s) == every


def test_another_environment_or_no_episode_is_refused():
    with pytest.raises(ConfigurationError, match="one of this package's tasks"):
        VideoRecording(gymnasium.make("Pendulum-v1"), Frames(), 1, "policy")
    with pytest.raises(ConfigurationError, match="at least one episode, got 0"):
        VideoRecording(TaskEnv("lap_joint"), Frames(), 0, "policy")


def test_the_held_piece_shines_through_the_ground(monkeypatch):
    env = TaskEnv("peg_in_hole", render_mode="rgb_array")
    play(env, 1, seed=1)
    shining = env.render()
    monkeypatch.setattr("der_ros.sim.camera._SHINE", 0.0)
    assert (env.render() != shining).any(axis=2).mean() > 0.01
    env.close()


def test_a_jointed_arm_is_seen_beside_the_joint():
    frames = Frames()
    env = VideoRecording(TaskEnv("peg_in_hole", robot="iiwa"), frames, 1, "oracle")
    env.reset(seed=1)
    env.close()
    (frame,) = frames
    assert frame.shape == (420, 560 + 260 + 340, 3)
    # The arm's grey and orange links stand out against the light blue background.
    arm = frame[:, 560:820].astype(int)
    rows, _ = np.nonzero(arm.max(axis=2) < 150)
    assert len(rows) > 500
    assert rows.max() - rows.min() > 150
    # The whole arm is in the picture: the left and right edges show only background.
    assert (arm[:, 0] == arm[:, -1]).all()
