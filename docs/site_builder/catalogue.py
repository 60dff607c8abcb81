"""Descriptions of every topic and service of the nodes, by name without namespace.

The generator refuses a topic or service without a text here, and a text without a topic or service.
"""

from __future__ import annotations

TOPICS = {
    "assembly_supervisor/attempt": "The newest attempt as JSON text. Deprecated: use "
    "`assembly_supervisor/result`.",
    "assembly_supervisor/feedback": "Phase of the running attempt in words, with its figures.",
    "assembly_supervisor/result": "The newest attempt: outcome, reason and the figures of its "
    "line in `attempts.jsonl`.",
    "assembly_supervisor/status": "State of the current attempt, as an action server reports it.",
    "cancel": "True while a force or torque limit of `ft_bridge` is exceeded. With "
    "`netft_interfaces` installed the type is `netft_interfaces/Cancel`.",
    "cell/markers": "Arm, pieces, workspace, force arrow and phase for a viewer. Made only while "
    "somebody subscribes.",
    "cell/task_frame": "Pose of the task frame in the frame of the robot's base.",
    "clock": "Recorded time of a live replay: stands during a pause and goes back where the bag "
    "begins again.",
    "diagnostics": "State of every node at 1 Hz; `ERROR` is a latched fault.",
    "forward_position_controller/commands": "Joint positions for the position controller, rad. "
    "The parameter `command_topic` names the topic.",
    "joint_states": "Measured joints of an arm under ros2_control. The parameter `states_topic` "
    "names the topic.",
    "joy": "Axes and buttons of a joystick, for teleoperation.",
    "kuka/cycle_inputs": "Inputs and decision of each cycle of the bridge, for `replay_bag`: stamp "
    "(s, ns), number, period (s), time of the decision (s); stamp (s, ns) of the command and the "
    "time from which it ages (s); the same of the wrench; state bits; decided velocity (6).",
    "kuka/delta_twist_cmds": "Velocity command for the held piece, m/s and rad/s. `frame_id` must "
    "be `task_frame`, the base frame or `tcp`; the stamp must be fresh.",
    "kuka/governor_limits": "The governor's limits as JSON text. Deprecated: use `kuka/limits`.",
    "kuka/joint_states": "Joints of the robot, if it reports them: position, velocity (NaN if "
    "unknown), effort (always NaN).",
    "kuka/limits": "Limits of the motion governor: speeds, accelerations, forces, workspace.",
    "kuka/tcp_pose": "Pose of the held piece in the frame of the robot's base, stamped with the "
    "time of its measurement.",
    "kuka/twist_applied": "Velocity that was really sent to the robot after the governor, in "
    "`task_frame`.",
    "kuka/wire": "Telegram of the controller and its answer, as JSON with the pose's stamp, for "
    "`replay_bag --from wire`; only with `publish_wire`.",
    "netft_data": "Wrench of the surroundings on the tool, N and Nm, sensor axes and origin; "
    "signs, filter, weight and bias are applied.",
    "netft_ready": "True while readings are fresh and can be trusted.",
    "netft_wire": "RDT records that led to a wrench, binary, with its stamp and bias, for "
    "`replay_bag --from wire`; only with `publish_wire`.",
    "netft_wire_setup": "Scale of the box and conditioning of its readings as JSON, for "
    "`replay_bag --from wire`; only with `publish_wire`.",
    "policy/action": "Action of each tick, 6 numbers in [-1, 1]. Its time is the time in the bag.",
    "policy/contract": "File, checksum and contract of the loaded policy.",
    "policy/info": "The same as JSON text. Deprecated: use `policy/contract`.",
    "policy/observation": "Observation of each tick, 13 numbers: position, quaternion, force, "
    "torque. Its time is the time in the bag.",
    "policy_server/watched": "Sent while an attempt is watched; the policy moves the robot only "
    "meanwhile.",
    "raw_world": "Wrench with signs and filter only, in the axes of `world_frame`, about the "
    "sensor's origin.",
    "robot_description": "URDF of the arm.",
    "sim_cell/goal_pose": "True goal of the held piece in `task_frame`, in simulation only; used "
    "to judge and by the scripted pilot, never by a policy.",
    "teleop/goal_pose": "True goal of the taught worker's held piece, task frame; of a symmetric "
    "piece the nearest one. Published only while somebody subscribes.",
    "teleop/image": "The taught worker's world: picture, distance from the goal, wrench over time. "
    "Made only while somebody subscribes.",
    "teleop/pose": "Pose of the taught worker's held piece, task frame. Published only while "
    "somebody subscribes.",
    "teleop/status": "What the person at the device has to do now; the demonstrations kept, or, "
    "in a training with `teach`, who acts.",
    "teleop/wrench": "Wrench that the taught worker observes, N and Nm, task axes, about the TCP. "
    "Published only while somebody subscribes.",
    "transformed_tool": "`netft_data` in the axes and about the origin of `tcp`; dead band "
    "applied.",
    "transformed_world": "`netft_data` in the axes of `world_frame`; dead band applied.",
    "wrench": "Wrench of another driver, with `source:=topic`. The parameter `input_topic` names "
    "the topic.",
}

SERVICES = {
    "assembly_supervisor/accept": "End the running attempt as a success: the operator judges the "
    "piece as seated. Refused unless the policy acts.",
    "assembly_supervisor/start": "Begin attempts. On a real robot nothing moves before this call.",
    "assembly_supervisor/stop": "End the running attempt, leave the arm where it is, and begin no "
    "other.",
    "bag_player/pause": "True lets the recorded time stand still; false goes on. Nothing moves "
    "meanwhile.",
    "bag_player/restart": "Jump back to the first tick of the bag; the policy starts anew.",
    "bag_recorder/is_paused": "`success` is true while the open bag is paused.",
    "bag_recorder/pause": "True pauses the open bag; false resumes it. Refused without an "
    "open bag.",
    "bag_recorder/record": "True begins a bag; false completes it. The answer has its path.",
    "bag_recorder/resume": "Resume the open bag. Refused without an open bag.",
    "bag_recorder/snapshot": "Write the last `snapshot_s` of all topics as a bag now. The answer "
    "has its path; it is complete about a second later.",
    "bag_recorder/toggle_paused": "Pause the open bag, or resume it. Refused without an open bag.",
    "bias": "The same as `ft_bridge/bias`, under the name of netft_utils. With `netft_interfaces` "
    "installed the type is `netft_interfaces/SetBias`.",
    "ft_bridge/bias": "Take the present reading as zero. Refused during an attempt and in contact.",
    "kuka_bridge/reset_fault": "Clear a latched fault. Only a command that comes afterwards moves "
    "the robot. Refused while a thread of the bridge has ended or a foreign node publishes.",
    "kuka_bridge/stop": "Ramp to rest and latch a fault.",
    "policy_server/change_state": "Lifecycle transition: configure, activate, deactivate, cleanup.",
    "policy_server/get_state": "State of the lifecycle.",
    "policy_server/reset_fault": "Clear a latched fault of the policy.",
    "sim_cell/reset": "Place both pieces for another start, in simulation only.",
    "sim_trainer/export_policy": "Write `policy.onnx` of the present policy.",
    "sim_trainer/pause": "True pauses the training; false goes on.",
    "sim_trainer/save_checkpoint": "Write a checkpoint now.",
}

# rcl creates the services of a lifecycle node, so the survey does not see them.
LIFECYCLE_SERVICES = {
    "change_state": "lifecycle_msgs/ChangeState",
    "get_state": "lifecycle_msgs/GetState",
    "get_available_states": "lifecycle_msgs/GetAvailableStates",
    "get_available_transitions": "lifecycle_msgs/GetAvailableTransitions",
    "get_transition_graph": "lifecycle_msgs/GetAvailableTransitions",
}
