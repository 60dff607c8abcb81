"""`ros2 launch`: runs a launch file."""

from __future__ import annotations

import argparse
import os
import traceback
from pathlib import Path

from der_ros_standalone import log
from der_ros_standalone.arguments import format_arguments, parse_arguments
from der_ros_standalone.context import LaunchContext
from der_ros_standalone.entities import LaunchDescription
from der_ros_standalone.errors import LaunchError
from der_ros_standalone.include import (
    IncludeLaunchDescription,
    PythonLaunchDescriptionSource,
    check_known,
)
from der_ros_standalone.packages import launch_file
from der_ros_standalone.service import LaunchService


def _launch_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ros2 launch", description="Run a launch file.")
    parser.add_argument(
        "-n", "--noninteractive", action="store_true", help="run without a terminal"
    )
    parser.add_argument("-d", "--debug", action="store_true", help="show tracebacks")
    parser.add_argument(
        "-s",
        "--show-args",
        "--show-arguments",
        action="store_true",
        help="show the arguments of the launch file",
    )
    parser.add_argument(
        "-a",
        "--show-all-subprocesses-output",
        action="store_true",
        help="show the output of all processes",
    )
    parser.add_argument("package_name", help="name of the package, or path of a launch file")
    parser.add_argument("launch_file_name", nargs="?", help="name of the launch file")
    parser.add_argument("launch_arguments", nargs="*", help="'<name>:=<value>'; the last one wins")
    return parser


def run_launch(words: list[str]) -> int:
    """Run `ros2 launch`, and return the exit status.

    Args:
        words: Command line after `ros2 launch`.

    Raises:
        LaunchError: There is no such launch file, or an argument is wrong.
    """
    options = _launch_parser().parse_args(words)
    arguments = list(options.launch_arguments)
    if os.path.isfile(options.package_name):
        path = Path(options.package_name).absolute()
        arguments = [word for word in (options.launch_file_name, *arguments) if word is not None]
    else:
        path = launch_file(options.package_name, options.launch_file_name or "")
    if options.show_all_subprocesses_output:
        os.environ["OVERRIDE_LAUNCH_PROCESS_OUTPUT"] = "both"
    source = PythonLaunchDescriptionSource(str(path))
    try:
        description = source.description(LaunchContext())
        if options.show_args:
            log.line(format_arguments(description))
            return 0
        values = parse_arguments(arguments)
        check_known(description, values)
    except LaunchError:
        raise
    except Exception as error:
        if options.debug:
            traceback.print_exc()
        raise LaunchError(f"{path} failed: {type(error).__name__}: {error}") from error
    service = LaunchService(
        argv=arguments, noninteractive=options.noninteractive, debug=options.debug
    )
    include = IncludeLaunchDescription(source, launch_arguments=values.items())
    service.include_launch_description(LaunchDescription([include]))
    return service.run()
