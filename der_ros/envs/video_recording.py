"""Video recording of an environment's first episodes, with plots of the wrench."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from der_ros.envs.assembly import AssemblyEnv
from der_ros.envs.video_file import VideoFile
from der_ros.envs.video_panel import Moment, draw_panel
from der_ros.errors import ConfigurationError
from der_ros.sim.camera import JOINT_VIEW, View, render_rgb, whole_view

_WIDTH, _ARM_WIDTH, _HEIGHT = 560, 260, 420
_LARGEST_FPS = 20.0
_LAST_FRAME_S = 1.5


def frame_interval(control_dt_s: float) -> int:
    """Return the number of control periods per frame for about 20 frames per second."""
    return max(1, round(1.0 / (_LARGEST_FPS * control_dt_s)))


class VideoRecording(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Wrapper that writes frames of the first ``episodes`` episodes to a video.

    The video runs in real time, and its last frame is held for 1.5 s.

    Args:
        environment: Environment around an ``AssemblyEnv``.
        video: Open video file; its frames are ``frame_interval`` control periods apart, also where
            a step of the environment takes several.
        episodes: Number of recorded episodes, at least 1.
        label: Name of the policy, drawn into the frames.

    Raises:
        ConfigurationError: The environment is not an ``AssemblyEnv``, or ``episodes`` is below 1.
    """

    def __init__(
        self, environment: gymnasium.Env[Any, Any], video: VideoFile, episodes: int, label: str
    ) -> None:
        super().__init__(environment)
        inner = environment.unwrapped
        if not isinstance(inner, AssemblyEnv):
            raise ConfigurationError(f"video: expected one of this package's tasks, got {inner}")
        if episodes < 1:
            raise ConfigurationError(f"video: expected at least one episode, got {episodes}")
        self._assembly, self._video = inner, video
        self._episodes, self._label = episodes, label
        self._frame_s = inner.control_dt_s * frame_interval(inner.control_dt_s)
        self._episode = self._written = 0
        self._moments: list[Moment] = []
        self._arm_view: View | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environment and record the first frame of an episode to record."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._episode += 1
        self._moments = []
        if self._episode <= self._episodes:
            if self._arm_view is None and self._assembly.robot != "robotless":
                self._arm_view = whole_view(self._assembly.world.client, _ARM_WIDTH / _HEIGHT)
            self._written = 0
            self._moments.append(self._moment(info, None))
            self._write(1)
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step the environment and record a frame if one is due."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        if self._episode <= self._episodes:
            ended = terminated or truncated
            self._moments.append(self._moment(info, bool(info["success"]) if ended else None))
            held = round(_LAST_FRAME_S / self._frame_s) if ended else 1
            # A hundredth of a frame, because durations are rounded.
            due = int(info["duration_s"] / self._frame_s + 0.01) + held
            if due > self._written:
                self._write(due - self._written)
        return observation, reward, terminated, truncated, info

    def _write(self, times: int) -> None:
        frame = self._frame()
        for _ in range(times):
            self._video.write(frame)
        self._written += times

    def _moment(self, info: dict[str, Any], success: bool | None) -> Moment:
        return Moment(
            info["duration_s"], info["distance_m"], info["angle_rad"], info["wrench"], success
        )

    def _frame(self) -> NDArray[np.uint8]:
        """Return joint, arm (if any) and panel side by side, (_HEIGHT, width, 3)."""
        parts = [self._picture(JOINT_VIEW, _WIDTH)]
        if self._arm_view is not None:
            parts.append(self._picture(self._arm_view, _ARM_WIDTH))
        subtitle = f"{self._label}, episode {self._episode} of {self._episodes}"
        title = self._assembly.task.name.replace("_", " ")
        parts.append(draw_panel(title, subtitle, self._moments, _HEIGHT))
        return np.concatenate(parts, axis=1)

    def _picture(self, view: View, width: int) -> NDArray[np.uint8]:
        world = self._assembly.world
        return render_rgb(world.client, world.scene.ground, view, width, _HEIGHT)
