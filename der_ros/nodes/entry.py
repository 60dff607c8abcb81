"""Entry points of the nodes; each imports its module only when it is called.

The import takes a second. A launch that stops in that second sends SIGINT in the middle of the
import. No resource is open by then, so the process exits at once.
"""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Callable
from types import FrameType

from der_ros.nodes.shared.launch_watch import signals_to_end


def _end_at_once(_number: int, _frame: FrameType | None) -> None:
    os._exit(0)


def _executable(name: str) -> Callable[[], int]:
    def main() -> int:
        for number in signals_to_end():
            signal.signal(number, _end_at_once)
        return int(importlib.import_module(f"der_ros.nodes.{name}").main())

    return main


assembly_supervisor = _executable("assembly_supervisor.node")
bag_player = _executable("recording.bag_player")
bag_recorder = _executable("recording.bag_recorder")
demo_recorder = _executable("teleop.demo_recorder")
teleop_device = _executable("teleop.teleop_device")
cell_view = _executable("cell_view.node")
ft_bridge = _executable("ft_bridge.node")
kuka_bridge = _executable("kuka_bridge.node")
policy_server = _executable("policy_server.node")
sim_cell = _executable("sim_cell.node")
sim_trainer = _executable("sim_trainer")
