"""Trains a policy in simulation and exports it as ``policy.onnx``. Ctrl-C saves and exports."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from der_ros.nodes.launch_watch import this_launch
from der_ros.nodes.launching import end_all
from der_ros.tasks import TASK_NAMES

# name, default, type, choices, description
ARGUMENTS = [
    ("task", "lap_joint", str, list(TASK_NAMES), "What is assembled"),
    ("preset", "fast", str, None, "Hyper-parameters: fast (two cores), paper, or a .yaml file"),
    (
        "algorithm",
        "preset",
        str,
        ["preset", "ddpg", "td3", "sac"],
        "The learner; preset: the preset's own (td3 in fast, ddpg in paper)",
    ),
    (
        "replay_structure",
        "no_demos",
        str,
        ["no_demos", "one_shot_in_all", "all_shots_in_all", "one_shot_each"],
        "Which shard starts with which demonstrations",
    ),
    ("der", "true", bool, ["true", "false"], "Dynamic Experience Replay on or off"),
    ("demos", "", str, None, "A demonstration or a folder of them: bags, or .npz episodes"),
    ("engine", "local", str, ["local", "ray"], "Where workers and replay run"),
    ("ray_address", "", str, None, "A running Ray cluster, host:port; empty: one started here"),
    ("workers", "-1", int, None, "Rollout processes; 0: all in one; -1: cores minus one"),
    ("seed", "0", int, None, "Of everything that is drawn"),
    ("max_minutes", "8.0", float, None, "Budget in minutes; solved earlier, it ends earlier"),
    ("max_env_steps", "0", int, None, "Budget in environment steps; 0: none"),
    ("run_dir", "", str, None, "Run folder; empty: runs/train_<task>_<time>"),
    ("resume", "", str, None, "Run folder or checkpoint to go on from"),
]


def generate_launch_description():
    declared = [
        DeclareLaunchArgument(
            name,
            default_value=default,
            description=description,
            **({"choices": choices} if choices else {}),
        )
        for name, default, _, choices, description in ARGUMENTS
    ]
    parameters = {
        name: ParameterValue(LaunchConfiguration(name), value_type=kind)
        for name, _, kind, _, _ in ARGUMENTS
    }
    return LaunchDescription(
        [
            *declared,
            SetEnvironmentVariable("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST"),
            Node(
                package="der_ros",
                executable="sim_trainer",
                name="sim_trainer",
                output="screen",
                parameters=[parameters],
                # Ctrl-C: it writes a checkpoint and the policy, and ends Ray.
                sigterm_timeout="30",
                additional_env=this_launch(),
                on_exit=end_all,
            ),
        ]
    )
