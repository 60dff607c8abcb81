"""Makes the engine that the configuration names."""

from __future__ import annotations

from collections.abc import Callable

from der_ros.errors import ConfigurationError
from der_ros.replay.sharded import TdErrors
from der_ros.training.config import TrainingConfig
from der_ros.training.engine.interface import Engine, Sizes
from der_ros.training.engine.local.engine import LocalEngine


def make_engine(
    config: TrainingConfig, sizes: Sizes, td_errors: TdErrors, should_stop: Callable[[], bool]
) -> Engine:
    """Return the engine that ``config`` names; nothing is started yet.

    Args:
        config: the run.
        sizes: lengths of the vectors that the engine moves.
        td_errors: returns the learner's TD errors of raw transitions.
        should_stop: polled while the caller has to wait.

    Raises:
        ConfigurationError: Ray is asked for and not installed.
    """
    if config.engine == "ray":
        return _ray_engine(config, sizes, td_errors)
    return LocalEngine(config, sizes, td_errors, should_stop)


def _ray_engine(config: TrainingConfig, sizes: Sizes, td_errors: TdErrors) -> Engine:
    try:
        from der_ros.training.engine.ray.engine import RayEngine
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"engine ray: expected the package ray, which is not installed ({error}); get it with "
            "`./ros2w exec pip install -r requirements/ray.txt`, or choose engine local"
        ) from error
    return RayEngine(config, sizes, td_errors)
