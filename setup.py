from pathlib import Path

from setuptools import find_packages, setup

PACKAGE = "der_ros"

# Executables of `ros2 run der_ros NAME` and of the launch files: der_ros.nodes.NAME:main, loaded
# by der_ros.nodes.entry ...
NODES = (
    "sim_trainer",
    "policy_server",
    "ft_bridge",
    "kuka_bridge",
    "assembly_supervisor",
    "sim_cell",
    "cell_view",
    "bag_recorder",
    "bag_player",
    "demo_recorder",
    "teleop_device",
)
# ... and the command-line tools, by der_ros.cli.entry.
TOOLS = (
    "train",
    "evaluate",
    "export_policy",
    "replay_bag",
    "benchmark",
    "plot_runs",
    "demos",
    "bags",
    "doctor",
    "identify_contact",
    "identify_payload",
    "security_policy",
)
# pytest's option --replay-bags.
PLUGIN = f"{PACKAGE}.offline_replay.pytest_plugin"
# Folders that are installed, with everything below them, into share/der_ros.
SHARED_FOLDERS = ("launch", "config", "models", "demonstrations")


def shared_files() -> list[tuple[str, list[str]]]:
    """Return the data files, one entry for each folder that holds any."""
    entries = [
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (f"share/{PACKAGE}", ["package.xml"]),
    ]
    by_folder: dict[Path, list[str]] = {}
    for folder in SHARED_FOLDERS:
        for path in sorted(Path(folder).rglob("*")):
            hidden = any(part.startswith(".") or part == "__pycache__" for part in path.parts)
            if path.is_file() and not hidden:
                by_folder.setdefault(path.parent, []).append(path.as_posix())
    entries += [(f"share/{PACKAGE}/{folder.as_posix()}", by_folder[folder]) for folder in by_folder]
    return entries


setup(
    name=PACKAGE,
    version="0.1.0",
    description="Contact-rich assembly learned in simulation and run on an industrial robot",
    author="The der_ros maintainers",
    maintainer="The der_ros maintainers",
    maintainer_email="noreply@der-ros.invalid",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=[PACKAGE, f"{PACKAGE}.*"]),
    package_data={PACKAGE: ["py.typed"], f"{PACKAGE}.nodes.shared": ["*.xml"]},
    data_files=shared_files(),
    install_requires=[],
    extras_require={"test": ["pytest"]},
    zip_safe=False,
    entry_points={
        "console_scripts": [
            *(f"{name} = {PACKAGE}.nodes.entry:{name}" for name in NODES),
            *(f"{name} = {PACKAGE}.cli.entry:{name}" for name in TOOLS),
        ],
        # Named after its module: whoever also gives it by -p does not register it twice.
        "pytest11": [f"{PLUGIN} = {PLUGIN}"],
    },
)
