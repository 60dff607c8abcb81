"""Choice of the engine that the configuration names."""

from __future__ import annotations

from collections.abc import Callable

from der_ros.errors import ConfigurationError
from der_ros.replay.sharded import TdErrors
from der_ros.training.config import TrainingConfig
from der_ros.training.engine.interface import Engine, Sizes
from der_ros.training.engine.local.engine import LocalEngine
from der_ros.training.rollout.takeover import Pilot


def make_engine(
    config: TrainingConfig,
    sizes: Sizes,
    td_errors: TdErrors,
    should_stop: Callable[[], bool],
    pilot: Pilot | None = None,
) -> Engine:
    """Return the engine that ``config`` names, not yet started.

    Args:
        config: Configuration of the run.
        sizes: Lengths of the vectors that the engine moves.
        td_errors: Function that returns the learner's TD errors, (rows,), of raw transitions.
        should_stop: Function polled while the caller waits.
        pilot: Interface to a person who may drive one worker's episodes; None for no person.

    Raises:
        ConfigurationError: Ray is needed but not installed, or a person cannot teach this run.
    """
    if pilot is not None:
        _check_taught(config)
    if config.engine == "ray":
        return _ray_engine(config, sizes, td_errors)
    return LocalEngine(config, sizes, td_errors, should_stop, pilot)


def _check_taught(config: TrainingConfig) -> None:
    """Check that this run supports a person who drives one worker."""
    if config.engine != "local":
        raise ConfigurationError(
            f"teach: expected engine local, whose workers are on this computer, got {config.engine}"
        )
    if config.env:
        raise ConfigurationError(
            "teach: expected a task of this package, whose actions a device gives, got env "
            f"{config.env}"
        )


def _ray_engine(config: TrainingConfig, sizes: Sizes, td_errors: TdErrors) -> Engine:
    try:
        from der_ros.training.engine.ray.engine import RayEngine
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"engine ray: expected the package ray, which is not installed ({error}); get it with "
            "`./ros2w exec pip install -r requirements/ray.txt`, or choose engine local"
        ) from error
    return RayEngine(config, sizes, td_errors)
