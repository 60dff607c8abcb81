"""Deploys a policy on an arm under ros2_control, a KUKA LBR iiwa first of all, with a F/T sensor.

The nodes are those of deploy_kr60.launch.py. A simulated cell has an iiwa on the topics of a
ros2_control system; a real one is brought up by its own driver before this.
"""

from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.parameter_descriptions import ParameterFile
from launch_ros.substitutions import FindPackageShare

from der_ros.nodes.launching import deployment, deployment_arguments, number, text

# Two steps of the simulated physics: 125 joint states each second.
SIM_CYCLE_MS = 8

ARGUMENTS = deployment_arguments(
    "deploy_iiwa",
    task="peg_in_hole",
    hardware="ros2_control",
    robots="sim: a simulated iiwa in this host; ros2_control: an arm whose "
    "forward_position_controller is active",
    own=[
        DeclareLaunchArgument(
            "stack",
            default_value="lbr_fri_ros2_stack",
            choices=["lbr_fri_ros2_stack", "kuka_drivers"],
            description="Whose names joints and topics have: config/ros2_control/<stack>.yaml",
        ),
        DeclareLaunchArgument(
            "urdf",
            default_value="",
            description="A URDF file; empty: what robot_state_publisher tells",
        ),
        DeclareLaunchArgument(
            "cycle_ms",
            default_value="10",
            description="Time between two joint commands, no less than the controller manager's",
        ),
    ],
)


def generate_launch_description():
    names = PathJoinSubstitution([FindPackageShare("der_ros"), "config", "ros2_control"])
    return deployment(
        "deploy_iiwa",
        ARGUMENTS,
        sim_cell={"robot": "iiwa", "cycle_ms": SIM_CYCLE_MS},
        kuka_bridge={
            "robot": "ros2_control",
            "cycle_ms": number("cycle_ms"),
            "urdf": text("urdf"),
        },
        below=[ParameterFile([names, "/", LaunchConfiguration("stack"), ".yaml"])],
    )
