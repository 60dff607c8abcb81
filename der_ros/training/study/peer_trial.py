"""Run of Stable-Baselines3 with the environment, budget and evaluation of the other runs."""

from __future__ import annotations

import importlib
from typing import Any

import gymnasium
import numpy as np

from der_ros.errors import ConfigurationError
from der_ros.training.config import TrainingConfig
from der_ros.training.engine.interface import EpisodeSummary
from der_ros.training.environment.factory import make_environment
from der_ros.training.evaluation.episodes import (
    TRAINING_EVALUATION_SEED,
    EvaluationReport,
    evaluate,
)
from der_ros.training.study.arms import Peer
from der_ros.training.study.curve import CurveRecorder

# TD3 needs action noise to explore; standard deviation as in the TD3 paper.
_ACTION_NOISE_STD = 0.1


class PeerTrial:
    """One run of a peer; counterpart of ``Trial``.

    Observations are normalized by running moments, as in this package, and TD3 explores with
    action noise. All other settings are the peer's defaults, except for networks that
    ``Peer.hidden`` gives.
    """

    def __init__(self, config: TrainingConfig, peer: Peer) -> None:
        """Make the environment and the networks.

        Raises:
            ConfigurationError: Stable-Baselines3 is not installed.
        """
        self._config = config
        self.curve = CurveRecorder(config.max_env_steps)
        self._environment = make_environment(config)
        normalised = _module("common.vec_env").VecNormalize(
            _module("common.vec_env").DummyVecEnv([self._watched]), norm_reward=False
        )
        self.model = _model(peer, normalised, self._environment.action_space, config.seed)
        self._normalised = normalised

    def run(self) -> dict[str, Any]:
        """Spend the budget; return what ``Trial.run`` returns, with no insertions."""
        try:
            self.model.learn(self._config.max_env_steps)
            report = self._evaluated()
        finally:
            self._environment.close()
        return {
            "env_steps": int(self.model.num_timesteps),
            "updates": int(self.model._n_updates),
            "first_success": self.curve.first_success,
            "successes": self.curve.successes,
            "insertions": 0,
            "zone_transitions": 0,
            "final": {
                "episodes": report.episodes,
                "successes": sum(report.success),
                "mean_return": float(f"{report.mean_return:.6g}"),
            },
            "curve": self.curve.as_data(),
        }

    def _watched(self) -> gymnasium.Env[Any, Any]:
        return Watched(self._environment, self.curve)

    def _evaluated(self) -> EvaluationReport:
        def act(observation: Any) -> Any:
            seen = self._normalised.normalize_obs(observation)
            return self.model.predict(seen, deterministic=True)[0]

        first = TRAINING_EVALUATION_SEED
        seeds = range(first, first + self._config.evaluation_episodes)
        return evaluate(self._environment, act, seeds)


class Watched(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Wrapper that reports each finished episode to a curve."""

    def __init__(self, environment: gymnasium.Env[Any, Any], curve: CurveRecorder) -> None:
        """Start at 0 environment steps."""
        super().__init__(environment)
        self._curve = curve
        self._env_steps, self._steps, self._return = 0, 0, 0.0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environment."""
        self._steps, self._return = 0, 0.0
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step the environment."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._env_steps += 1
        self._steps += 1
        self._return += float(reward)
        if terminated or truncated:
            summary = EpisodeSummary(self._return, self._steps, bool(info["success"]), False)
            self._curve.count(summary, self._env_steps)
        return observation, reward, terminated, truncated, info


def _model(peer: Peer, environment: Any, actions: Any, seed: int) -> Any:
    arguments: dict[str, Any] = {"seed": seed, "device": "cpu"}
    if peer.hidden:
        arguments["policy_kwargs"] = {"net_arch": list(peer.hidden)}
    if peer.algorithm == "TD3":
        zeros = np.zeros(actions.shape)
        noise = _module("common.noise").NormalActionNoise
        arguments["action_noise"] = noise(zeros, zeros + _ACTION_NOISE_STD)
    return getattr(_module(), peer.algorithm)("MlpPolicy", environment, **arguments)


def _module(name: str = "") -> Any:
    try:
        return importlib.import_module(".".join(filter(None, ("stable_baselines3", name))))
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"study peers: expected Stable-Baselines3, which is not installed ({error}); get it "
            "with `./ros2w exec pip install -r requirements/benchmarks.txt`"
        ) from error
