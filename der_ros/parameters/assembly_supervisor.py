"""Parameters of ``assembly_supervisor``."""

from __future__ import annotations

from dataclasses import dataclass

from der_ros.settings import setting
from der_ros.tasks import TASK_NAMES


@dataclass(frozen=True)
class SupervisorParameters:
    """Task, number of attempts, and conditions for the start of each attempt."""

    run_dir: str = setting("", "Folder for attempts.jsonl; made if missing")
    task: str = setting("lap_joint", "Task that is assembled", choices=TASK_NAMES)
    attempts: int = setting(
        0, "Attempts to run before the node ends; 0: run until stopped", minimum=0
    )
    retries: int = setting(
        0,
        "Retries of an attempt that jams, misses the joint or is not home in time, each from a "
        "start on the other side; a fault is never tried again",
        minimum=0,
        maximum=1,
    )
    auto_start: bool = setting(False, "Begin at once; leave it false on real hardware")
    simulated_cell: bool = setting(
        False,
        "True with a sim_cell: it places both pieces anew before each attempt, and latched faults "
        "are reset automatically",
    )
    start_each: bool = setting(False, "Wait for assembly_supervisor/start before every attempt")
    time_limit_s: float = setting(
        0.0, "Longest attempt; 0: the time limit of the task", "s", 0.0, 3600.0
    )
    record: bool = setting(True, "Record one bag per attempt")
    ready_timeout_s: float = setting(
        60.0, "Time to wait for sensor and robot; 0: without limit", "s", 0.0
    )
    start_tolerance_m: float = setting(
        0.002, "Distance from the start pose beyond which no policy is started", "m", 0.0, 1.0
    )
    start_tolerance_rad: float = setting(
        0.01, "Angle from the start pose beyond which no policy is started", "rad", 0.0, 3.2
    )
    start_force_n: float = setting(
        10.0,
        "Force at the start pose since the last bias above which the attempt is a fault; "
        "0: no limit",
        unit="N",
        minimum=0.0,
        maximum=10_000.0,
    )
    start_torque_nm: float = setting(
        2.0,
        "Torque at the start pose since the last bias above which the attempt is a fault; "
        "0: no limit",
        unit="Nm",
        minimum=0.0,
        maximum=1000.0,
    )
