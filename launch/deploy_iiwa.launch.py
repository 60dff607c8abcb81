"""Deploy a policy on an arm under ros2_control, such as a KUKA LBR iiwa, with an F/T sensor.

The nodes are those of deploy_kr60.launch.py. The simulated cell provides an iiwa on the topics of a
ros2_control system. Bring up a real arm with its own driver before this launch.
"""

from pathlib import Path

from der_ros.launching.actions import RobotParts, deployment
from der_ros.launching.arguments import Argument
from der_ros.launching.cell_parameters import merged, read_parameters, shipped_config
from der_ros.launching.deployment_arguments import deployment_arguments
from der_ros.parameters.kuka_bridge import ArmParameters

# Two physics steps, so joint states arrive at 125 Hz.
SIM_CYCLE_MS = 8

ARGUMENTS = deployment_arguments(
    "deploy_iiwa",
    task="peg_in_hole",
    hardware="ros2_control",
    robots="sim: a simulated iiwa on this computer; ros2_control: an arm whose "
    "forward_position_controller is active",
    own=[
        Argument(
            "stack",
            "lbr_fri_ros2_stack",
            "Driver of the arm, with its joint and topic names in config/ros2_control/<stack>.yaml",
            choices=("lbr_fri_ros2_stack", "kuka_drivers"),
        ),
        Argument.of(
            ArmParameters,
            "urdf",
            description="URDF file; empty: the text that robot_state_publisher publishes",
            kind=Path,
            optional=True,
            words="a URDF file that exists",
        ),
        Argument.of(ArmParameters, "cycle_ms"),
    ],
)


def robot(values):
    stack = shipped_config("deploy_iiwa").parent / "ros2_control" / f"{values['stack']}.yaml"
    topics = {}
    if values["robot"] == "sim":
        # Relative names put a simulated arm into the cell's namespace.
        names = merged([read_parameters(stack)], "kuka_bridge")
        topics = {
            name: value.lstrip("/") for name, value in names.items() if name.endswith("_topic")
        }
    return RobotParts(
        arm="iiwa",
        sim_cell={"robot": "iiwa", "cycle_ms": SIM_CYCLE_MS, **topics},
        kuka_bridge={
            "robot": "ros2_control",
            "cycle_ms": values["cycle_ms"],
            "urdf": values["urdf"],
            **topics,
        },
        base_files=[stack],
    )


def generate_launch_description():
    return deployment("deploy_iiwa", ARGUMENTS, robot)
