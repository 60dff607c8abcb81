"""Import rules between packages, checked in the sources, including local imports.

The robot side (policy runtime, drivers, bags and the nodes of a deployment) must also load without
the packages of simulation and training, which a subprocess proves.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "der_ros"
FILES = sorted((ROOT / PACKAGE).rglob("*.py"))

SHARED = {"errors", "documents", "settings", "whole_files"}

# Allowed imports of each room, besides itself; all rooms may import those of ``SHARED``.
ARROWS = {
    "geometry": {"rotation"},
    "errors": set(),
    "documents": set(),
    "installation": set(),
    "settings": set(),
    "rotation": set(),
    "threads": set(),
    "page_server": {"threads"},
    "run_folders": set(),
    "whole_files": set(),
    "tasks": {"geometry"},
    "sim": {"geometry", "rotation", "tasks"},
    # The environment uses the robot's own code for its observation and its governor.
    "envs": {
        "geometry",
        "rotation",
        "tasks",
        "sim",
        "policy.observation",
        "policy.governor",
        "policy.rest",
    },
    "replay": {"geometry"},
    "algorithms": {"geometry", "replay"},
    "training": {
        "installation",
        "run_folders",
        "geometry",
        "tasks",
        "envs",
        "replay",
        "algorithms",
        "policy",
        "bags",
    },
    "policy": {"rotation", "installation", "geometry", "tasks"},
    "drivers": {"geometry", "page_server", "threads"},
    "bags": {"geometry", "policy", "threads"},
    "control": {"geometry", "rotation", "tasks", "policy", "drivers"},
    "teleop": {"installation", "geometry", "policy"},
    "offline_replay": {
        "geometry",
        "rotation",
        "tasks",
        "policy",
        "bags",
        "control",
        "parameters",
    },
    "parameters": {"geometry", "tasks", "policy", "drivers", "control", "teleop"},
    "launching": {
        "installation",
        "run_folders",
        "tasks",
        "policy",
        "drivers",
        "control",
        "parameters",
        "nodes.shared",
    },
    "nodes": {"*"},
    "cli": {"*"},
}

# Outside packages that only some modules may import.
RESERVED = {
    "rclpy": {"nodes"},
    "torch": {"algorithms", "training", "policy.export"},
    "onnx": {"policy.export"},
    "onnxruntime": {"policy"},
    "pybullet": {"sim"},
    "pybullet_data": {"sim"},
    "ray": {"training.engine.ray"},
    "gymnasium": {"envs", "training"},
    "PIL": {"envs"},
    "pyarrow": {"training.demonstrations.lerobot_dataset"},
    "imageio_ffmpeg": {"envs.video_file"},
    "launch": {"launching.actions"},
    "launch_ros": {"launching.actions", "launching.view"},
}

SIMULATION_AND_TRAINING = ("torch", "pybullet", "gymnasium", "onnx", "tensorboard", "matplotlib")
ROBOT_SIDE = (
    "geometry",
    "errors",
    "documents",
    "installation",
    "rotation",
    "threads",
    "tasks",
    "policy",
    "drivers",
    "bags",
    "control",
    "settings",
    "parameters",
    "teleop",
    "nodes.ft_bridge.node",
    "nodes.kuka_bridge.node",
    "nodes.policy_server.node",
    "nodes.recording.bag_recorder",
    "nodes.assembly_supervisor.node",
    "cli.bag_commands.replay_bag",
    "cli.health",
    "cli.identify_contact",
    "cli.identify_payload",
)
# Modules that would delay a node's start needlessly.
NOT_AT_THE_START = ("mcap", "rosbags", f"{PACKAGE}.parameters.node_parameters")
WITHOUT_BAGS = ("ft_bridge", "kuka_bridge", "policy_server", "assembly_supervisor", "cell_view")
ROS = ("rclpy", "builtin_interfaces", "diagnostic_msgs", "geometry_msgs", "sensor_msgs", "std_msgs")


def module_of(path: Path) -> str:
    """Return the dotted name below the package; empty for the package itself."""
    parts = path.relative_to(ROOT / PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(source: str, module: str, is_package: bool) -> Iterator[tuple[int, str]]:
    """Yield line and absolute dotted name of everything that ``source`` imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                here = [PACKAGE, *filter(None, module.split("."))]
                keep = len(here) - node.level + (1 if is_package else 0)
                base = ".".join([*here[:keep], *filter(None, [node.module])])
            # `from a import b` may import the module a.b; other names do no harm.
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


def below(name: str, roots: set[str]) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def violations(source: str, module: str, is_package: bool = False) -> list[str]:
    """Return a sentence for each forbidden import."""
    room = module.split(".")[0]
    found = []
    for line, name in imports_of(source, module, is_package):
        top = name.split(".")[0]
        where = f"{PACKAGE}/{module.replace('.', '/')}:{line}"
        if top == PACKAGE:
            target = name.removeprefix(PACKAGE).lstrip(".")
            allowed = ARROWS[room] | {room} | SHARED if room else set()
            if "*" not in allowed and target and not below(target, allowed):
                found.append(f"{where} imports {name}; {room} may import {sorted(allowed)}")
        elif top in RESERVED and not below(module, RESERVED[top]):
            found.append(f"{where} imports {top}; only {sorted(RESERVED[top])} may")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: module_of(path) or PACKAGE)
def test_every_import_follows_the_arrows(path):
    is_package = path.name == "__init__.py"
    assert violations(path.read_text(), module_of(path), is_package) == []


def test_every_room_has_arrows():
    assert {module_of(path).split(".")[0] for path in FILES} - {""} <= set(ARROWS)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("policy.runtime", "import torch"),
        ("policy.runtime", "def f():\n    from torch import nn"),
        ("drivers.netft.client", "from der_ros.policy import runtime"),
        ("drivers.netft.client", "from ...policy.runtime import OnnxPolicy"),
        ("tasks.base", "from der_ros import sim"),
        ("envs.assembly", "from der_ros.policy.runtime import OnnxPolicy"),
        ("sim.world", "import der_ros.envs"),
        ("algorithms.actor_critic", "import ray"),
        ("training.run.training_run", "import rclpy"),
        ("training.run.training_run", "from der_ros.nodes.shared.node_process import run_node"),
        ("geometry", "import der_ros.errors, der_ros.tasks"),
    ],
)
def test_a_forbidden_import_is_found(module, source):
    assert violations(source, module) != []


@pytest.mark.parametrize(
    ("module", "source", "is_package"),
    [
        ("envs.assembly", "from der_ros.policy.governor import govern", False),
        ("policy.export", "import torch, onnx", False),
        (
            "nodes.sim_trainer",
            "import rclpy\nfrom der_ros.training.run.training_run import TrainingRun",
            False,
        ),
        ("drivers.netft", "from .client import NetFtClient", True),
        ("drivers.netft.client", "from ...errors import ConfigurationError", False),
    ],
)
def test_an_allowed_import_is_not(module, source, is_package):
    assert violations(source, module, is_package) == []


LOAD_WITHOUT = """
import importlib, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if {absent!r} & {{name, name.split(".")[0]}}:
            raise ModuleNotFoundError(f"{{name}} is not installed on a robot", name=name)

sys.meta_path.insert(0, Absent())
for module in {modules!r}:
    importlib.import_module(module)
"""


def robot_side_modules() -> list[str]:
    modules = [module_of(path) for path in FILES]
    # The export belongs to training, but is next to the contract that it writes.
    chosen = [
        name
        for name in modules
        if below(name, set(ROBOT_SIDE)) and not below(name, {"policy.export"})
    ]
    return [f"{PACKAGE}.{name}" for name in chosen]


def load_without(absent: tuple[str, ...], modules: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", LOAD_WITHOUT.format(absent=set(absent), modules=modules)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_robot_side_loads_without_training():
    modules = robot_side_modules()
    assert f"{PACKAGE}.policy.runtime" in modules
    result = load_without(SIMULATION_AND_TRAINING, modules)
    assert result.returncode == 0, result.stderr


def test_a_node_loads_neither_bags_nor_all_parameters():
    modules = [f"{PACKAGE}.nodes.{name}.node" for name in WITHOUT_BAGS]
    result = load_without((*SIMULATION_AND_TRAINING, *NOT_AT_THE_START), modules)
    assert result.returncode == 0, result.stderr


def test_without_them_the_simulation_does_not_load():
    result = load_without(SIMULATION_AND_TRAINING, [f"{PACKAGE}.sim.world"])
    assert "not installed on a robot" in result.stderr


def test_what_moves_the_robot_loads_without_ros():
    modules = [name for name in robot_side_modules() if name.startswith(f"{PACKAGE}.control")]
    result = load_without(ROS, modules)
    assert modules
    assert result.returncode == 0, result.stderr
