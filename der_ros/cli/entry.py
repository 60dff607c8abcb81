"""Entry points of the tools; each imports its module only when it is called.

The import takes a second or more. Ctrl-C in that time, when no resource is open, ends the process
at once, without a traceback.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

from der_ros.cli import INTERRUPTED


def _end_at_once(_number: int, _frame: FrameType | None) -> None:
    os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, b"interrupted\n")
    os._exit(INTERRUPTED)


def _executable(name: str) -> Callable[[], int]:
    def main() -> int:
        # Another handler means that SIGINT is ignored, as in a background job of a shell.
        handled = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if handled:
            signal.signal(signal.SIGINT, _end_at_once)
        tool = importlib.import_module(f"der_ros.cli.{name}").main
        if handled:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return int(tool())
        except KeyboardInterrupt:  # outside of run_tool
            print("interrupted", file=sys.stderr)
            return INTERRUPTED

    return main


bags = _executable("bag_commands.bags")
benchmark = _executable("benchmark")
demos = _executable("demos")
doctor = _executable("health.doctor")
evaluate = _executable("evaluate")
export_policy = _executable("export_policy")
identify_contact = _executable("identify_contact")
identify_payload = _executable("identify_payload")
plot_runs = _executable("plot_runs")
replay_bag = _executable("bag_commands.replay_bag")
security_policy = _executable("security_policy")
train = _executable("train")
