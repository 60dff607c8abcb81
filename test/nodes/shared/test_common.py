import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

from der_ros.nodes.shared.launch_watch import this_launch
from der_ros.nodes.shared.node_process import Shell

pytestmark = pytest.mark.ros

NODE = """
    import sys
    from dataclasses import dataclass
    from der_ros.errors import ConfigurationError
    from der_ros.nodes.shared.node_process import ShellNode, run_node
    from der_ros.nodes.shared.parameters import declare_settings
    from der_ros.settings import setting

    @dataclass(frozen=True)
    class Group:
        number: float = setting(1.5, "a number", "", 0.0, 3.0)
        numbers: tuple[float, float] = setting((0.0, 1.0), "two numbers")
        names: tuple[str, ...] = setting((), "any names")
        word: str = setting("u", "a word", choices=("u", "v"))
        switch: bool = setting(True, "a switch")

    class Example(ShellNode):
        def __init__(self):
            super().__init__("example")
            given = declare_settings(self, Group)
            self.given = given
            print(given.number, list(given.numbers), given.word, given.switch, flush=True)
            self.timer = self.create_timer(0.05, self.on_timer)

        def on_timer(self):
            {on_timer}

        def close(self):
            print("closed", flush=True)

    sys.exit(run_node(Example, sys.argv))
"""


def start(*parameters, on_timer="pass", ros_args=(), **environment):
    given = [*[x for p in parameters for x in ("-p", p)], *ros_args]
    arguments = ["--ros-args", *given] if given else []
    code = textwrap.dedent(NODE).replace("{on_timer}", on_timer)
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def test_a_failure_is_not_undone_by_a_later_end():
    shell = Shell.__new__(Shell)
    shell.finished, shell.exit_code = threading.Event(), 0
    for code, expected in ((0, 0), (3, 3), (0, 3), (1, 3)):
        shell.finish(code)
        assert (shell.exit_code, shell.finished.is_set()) == (expected, True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_closes_the_node_with_exit_code_0(number):
    process = start()
    assert process.stdout.readline() == "1.5 [0.0, 1.0] u True\n"
    process.send_signal(number)
    output, errors = process.communicate(timeout=20)
    assert (output, process.returncode) == ("closed\n", 0)
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_not_from_its_launch_is_a_failure(number, code):
    process = start(**this_launch())
    assert process.stdout.readline() == "1.5 [0.0, 1.0] u True\n"
    process.send_signal(number)
    output, _ = process.communicate(timeout=20)
    assert (output, process.returncode) == ("closed\n", code)


@pytest.mark.parametrize(
    ("given", "names"), [([], "()"), (["names:=[]"], "()"), (["names:=[a]"], "('a',)")]
)
def test_a_list_may_be_empty(given, names):
    process = start(*given, on_timer="print(self.given.names); self.finish(0)")
    output, _ = process.communicate(timeout=20)
    # The timer may fire once more before the node ends.
    assert set(output.splitlines()[1:]) == {names, "closed"}


def test_a_list_with_a_default_is_not_emptied():
    process = start("numbers:=[]")
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "numbers: expected" in errors


def test_whole_numbers_are_taken_as_floats():
    process = start("number:=2", "numbers:=[1, 2]", on_timer="self.finish(0)")
    output, _ = process.communicate(timeout=20)
    assert output == "2.0 [1.0, 2.0] u True\nclosed\n"


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ("number:=5.0", "number"),
        ("number:=high", "parameter number: expected a float, got 'high'"),
        ("numbers:=[1.0]", "parameter numbers: expected 2 floats, got [1.0]"),
        ("word:=w", "parameter word: expected one of u, v, got 'w'"),
        ("switch:=3", "parameter switch: expected a bool, got 3"),
    ],
)
def test_a_wrong_parameter_gives_one_line(parameter, message):
    process = start(parameter)
    output, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert output == ""
    assert [line for line in errors.splitlines() if line.startswith("error: ")]
    assert message in errors
    assert "Traceback" not in errors


def test_a_node_that_finishes_gives_its_exit_code():
    process = start(on_timer="self.finish(3)")
    process.communicate(timeout=20)
    assert process.returncode == 3


def test_a_broken_callback_ends_and_closes_the_node():
    process = start(on_timer="raise RuntimeError('broken')")
    output, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert output.endswith("closed\n")
    assert "broken" in errors


@pytest.mark.parametrize("ending", ["self.finish(3)", "raise RuntimeError('over')"])
def test_a_terminal_that_is_gone_keeps_no_node_alive(ending):
    """The node's own lines, tracebacks and the ROS log cannot be written."""
    ours, theirs = os.openpty()
    log = "write_line('on'); self.get_logger().warning('on'); logging.getLogger('x').warning('on')"
    code = textwrap.dedent(NODE).replace("{on_timer}", f"{log}; {ending}")
    imports = "import logging\nfrom der_ros.nodes.shared.node_process import write_line\n"
    imports += "print = lambda *words, flush: write_line(str(words))\n"
    process = subprocess.Popen(
        [sys.executable, "-c", imports + code],
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    os.close(ours)
    assert process.wait(timeout=20) == (3 if "finish" in ending else 1)


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (["--params-file", "/nowhere.yaml"], {}, "/nowhere.yaml"),
        (["--params-file", sys.executable], {}, "parse params file"),
        (["--no-such-argument"], {}, "--no-such-argument"),
        (["-p", "number"], {}, "number"),
        ([], {"ROS_DOMAIN_ID": "x"}, "ROS_DOMAIN_ID is not an integral number"),
        ([], {"ROS_LOG_DIR": f"{sys.executable}/log"}, "log directory"),
    ],
)
def test_what_ros_refuses_at_the_start_is_one_line(arguments, environment, words):
    process = start(ros_args=arguments, **environment)
    _, errors = process.communicate(timeout=30)
    # rcl itself may log that it failed.
    *others, line = errors.splitlines()
    assert process.returncode == 1
    assert all("[rcl]" in other for other in others)
    assert line.startswith("error: expected --ros-args, ")
    assert words in line
