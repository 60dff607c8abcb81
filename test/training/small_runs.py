"""A run of a few seconds on the task ``reach``, and a comparison of its checkpoints."""

import numpy as np
import reach  # noqa: F401  (registers the environment)

from der_ros.training.checkpoint.file import latest_checkpoint, load_checkpoint
from der_ros.training.config import make_config

SMALL = {
    "env": "der_ros_test/Reach-v0",
    "workers": 0,
    "hidden": [32, 32],
    "batch_size": 64,
    "learning_rate": 3e-3,
    "learning_starts": 200,
    "shards": 2,
    "capacity": 10_000,
    "zone_size": 400,
    "zone_share": 0.5,
    "insertion_interval": 200,
    "policy_interval": 50,
    "evaluation_episodes": 20,
    "evaluation_steps": 500,
    "report_interval_s": 0.2,
    "max_env_steps": 400,
}


def config(**options):
    return make_config({**SMALL, **options})


def newest(run_dir):
    return dict(leaves(load_checkpoint(latest_checkpoint(run_dir))))


def leaves(value, name=""):
    """Yield path and value of everything in a checkpoint, with arrays as their bytes."""
    if isinstance(value, dict | list | tuple):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from leaves(item, f"{name}/{key}".lstrip("/"))
    else:
        yield name, value.tobytes() if isinstance(value, np.ndarray) else value


def different(one, two):
    return sorted(name for name in {*one, *two} if one.get(name, "-") != two.get(name, "-"))
