"""Parameters of ``bag_recorder``."""

from __future__ import annotations

from dataclasses import dataclass

from der_ros.settings import setting


@dataclass(frozen=True)
class RecorderParameters:
    """Recorded topics, bag storage, buffers and snapshots."""

    run_dir: str = setting("", "Folder of the run, made if missing; bags go into its folder bags/")
    topics: tuple[str, ...] = setting(
        (
            "policy/observation std_msgs/msg/Float32MultiArray",
            "policy/action std_msgs/msg/Float32MultiArray",
            "policy/contract diagnostic_msgs/msg/DiagnosticStatus latched",
            "policy/info std_msgs/msg/String latched",
            "kuka/limits diagnostic_msgs/msg/DiagnosticStatus latched",
            "netft_data geometry_msgs/msg/WrenchStamped",
            "kuka/tcp_pose geometry_msgs/msg/PoseStamped",
            "kuka/joint_states sensor_msgs/msg/JointState",
            "kuka/twist_applied geometry_msgs/msg/TwistStamped",
            "kuka/cycle_inputs std_msgs/msg/Float64MultiArray",
            "kuka/delta_twist_cmds geometry_msgs/msg/TwistStamped",
            "sim_cell/goal_pose geometry_msgs/msg/PoseStamped latched",
            "assembly_supervisor/result diagnostic_msgs/msg/DiagnosticStatus",
            "assembly_supervisor/attempt std_msgs/msg/String",
            "/diagnostics diagnostic_msgs/msg/DiagnosticArray",
        ),
        "Topics that are recorded, each 'topic type', with 'latched' behind it where the topic is "
        "transient-local",
    )
    attachments: tuple[str, ...] = setting(
        ("",),
        "Files whose content is stored in each bag, such as the cell's configuration; each of at "
        "most 128 kB; an empty text stands for none",
    )
    compression: str = setting(
        "none", "Compression of new bags: none or zstd", choices=("none", "zstd")
    )
    split_s: float = setting(
        0.0,
        "Time after which a bag continues in a new file, which begins with the latched topics; 0: "
        "one file",
        "s",
        0.0,
    )
    split_mb: int = setting(
        0,
        "Size of the uncompressed messages after which a bag continues in a new file; 0: one file",
        "MB",
        0,
    )
    keep_bags: int = setting(
        0,
        "Number of bags of this run to keep: the oldest successes go first, faults last; 0: all",
        minimum=0,
    )
    keep_gb: float = setting(
        10.0, "Largest total size of the bags of this run; 0: no limit", "GB", 0.0
    )
    min_free_mb: int = setting(100, "Free space on the disk below which no bag is begun", "MB", 0)
    buffer_mb: int = setting(
        64,
        "Memory for messages that wait for a slow disk; what arrives beyond it is lost and counted",
        unit="MB",
        minimum=1,
        maximum=4096,
    )
    snapshot_s: float = setting(
        30.0,
        "Time of all topics that is kept in memory and written as a snapshot on a fault, a stop "
        "or a call; 0: none",
        "s",
        0.0,
        600.0,
    )
    snapshot_mb: int = setting(
        64,
        "Memory for the messages of a snapshot; beyond it a snapshot is shorter than snapshot_s",
        unit="MB",
        minimum=1,
        maximum=4096,
    )
