"""Launched processes: output lines, exit status, and no survivors after the launch."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

DEADLINE_S = 30.0
TALKER = "import sys, time; print('hello', flush=True); time.sleep(60)"
STUBBORN = (
    "import signal, time\n"
    "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('hello', flush=True)\n"
    "time.sleep(60)"
)


def eventually(predicate: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if predicate():
            return True
        time.sleep(0.02)
    return False


def is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def read_until(process: "subprocess.Popen[str]", pattern: str) -> str:
    """Return the output up to the line that holds ``pattern``."""
    seen = ""
    for line in process.stdout:
        seen += line
        if re.search(pattern, line):
            return seen
    raise AssertionError(f"no line with {pattern} in:\n{seen}")


def pids(output: str) -> list[int]:
    return [int(pid) for pid in re.findall(r"process started with pid \[(\d+)\]", output)]


def nodes(workspace, body: str) -> None:
    workspace.add_launch_file("p.launch.py", body)


def test_lines_carry_the_process_name(workspace):
    workspace.add_executable(
        "talker", "import sys; print('to out'); print('to err', file=sys.stderr)"
    )
    nodes(workspace, "[Node(package='demo', executable='talker', output='screen')]")
    both = workspace.ros2("launch", "demo", "p.launch.py").stdout
    assert re.search(r"^\[INFO\] \[talker-1\]: process started with pid \[\d+\]$", both, re.M)
    assert "[talker-1] to out\n" in both
    assert "[talker-1] to err\n" in both
    assert re.search(
        r"^\[INFO\] \[talker-1\]: process has finished cleanly \[pid \d+\]$", both, re.M
    )

    nodes(workspace, "[Node(package='demo', executable='talker')]")
    only_errors = workspace.ros2("launch", "demo", "p.launch.py").stdout
    assert "to out" not in only_errors
    assert "[talker-1] to err\n" in only_errors


def test_long_and_unfinished_lines_arrive_whole(workspace):
    workspace.add_executable("talker", "import sys; sys.stdout.write('x' * 300000 + '\\nlast')")
    nodes(workspace, "[Node(package='demo', executable='talker', output='screen')]")
    lines = workspace.ros2("launch", "demo", "p.launch.py").stdout.splitlines()
    assert "[talker-1] " + "x" * 300000 in lines
    assert "[talker-1] last" in lines


def test_emulate_tty_gives_the_process_a_terminal(workspace):
    workspace.add_executable("talker", "import sys; print('tty', sys.stdout.isatty())")
    body = "[Node(package='demo', executable='talker', output='screen', emulate_tty={})]"
    for value in (True, False):
        nodes(workspace, body.format(value))
        assert f"[talker-1] tty {value}\n" in workspace.ros2("launch", "demo", "p.launch.py").stdout


@pytest.mark.parametrize(("code", "status"), [(0, 0), (3, 1)])
def test_exit_of_a_required_process_ends_the_launch(workspace, code, status):
    workspace.add_executable("talker", TALKER)
    workspace.add_executable("brief", f"raise SystemExit({code})")
    nodes(
        workspace,
        "[Node(package='demo', executable='talker'),"
        " Node(package='demo', executable='brief', on_exit=[Shutdown(reason='over')])]",
    )
    result = workspace.ros2("launch", "demo", "p.launch.py")
    assert result.returncode == status
    assert "process[brief-2] was required: shutting down launched system" in result.stdout
    assert not any(map(is_running, pids(result.stdout)))


def test_a_handler_that_raises_fails_the_launch(workspace):
    workspace.add_executable("brief", "raise SystemExit(3)")
    nodes(
        workspace,
        "[Node(package='demo', executable='brief', on_exit=lambda event, context:"
        " (_ for _ in ()).throw(RuntimeError(f'{event.process_name}: {event.returncode}')))]",
    )
    result = workspace.ros2("launch", "demo", "p.launch.py")
    assert result.returncode == 1
    assert "[ERROR] [launch]: Caught exception in launch (see debug for traceback): brief-1: 3" in (
        result.stdout
    )


def test_a_process_that_nobody_requires_may_fail(workspace):
    workspace.add_executable("brief", "raise SystemExit(3)")
    nodes(workspace, "[Node(package='demo', executable='brief')]")
    result = workspace.ros2("launch", "demo", "p.launch.py")
    assert result.returncode == 0
    assert "[ERROR] [brief-1]: process has died [pid" in result.stdout


def test_a_missing_executable_fails_the_launch(workspace):
    nodes(workspace, "[Node(package='demo', executable='nope')]")
    result = workspace.ros2("launch", "demo", "p.launch.py")
    assert result.returncode == 1
    assert "No executable 'nope' in package 'demo'" in result.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_processes_and_the_launch(workspace, number):
    workspace.add_executable("talker", TALKER)
    nodes(workspace, "[Node(package='demo', executable='talker', output='screen')]")
    with workspace.start(["launch", "demo", "p.launch.py"]) as process:
        started = read_until(process, "hello")
        process.send_signal(number)
        rest = process.stdout.read()
        assert process.wait(DEADLINE_S) == 0
    assert "sending signal 'SIGINT' to process[talker-1]" in rest
    assert not any(map(is_running, pids(started)))


def test_a_stubborn_process_is_killed_in_the_end(workspace):
    workspace.add_executable("stubborn", STUBBORN)
    nodes(
        workspace,
        "[Node(package='demo', executable='stubborn', output='screen',"
        " sigterm_timeout='0.3', sigkill_timeout='0.4')]",
    )
    with workspace.start(["launch", "demo", "p.launch.py"]) as process:
        started = read_until(process, "hello")
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        process.wait(DEADLINE_S)
    steps = re.findall(r"sending signal '(\w+)'", rest)
    assert steps == ["SIGINT", "SIGTERM", "SIGKILL"]
    assert "'0.3' seconds after receiving 'SIGINT', escalating to 'SIGTERM'" in rest
    assert not any(map(is_running, pids(started)))


def test_a_killed_launch_leaves_no_process_and_file(workspace, tmp_path):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    workspace.variables["TMPDIR"] = str(temporary)
    workspace.add_executable("talker", TALKER)
    nodes(
        workspace,
        "[Node(package='demo', executable='talker', output='screen', parameters=[{'a': 1.5}])]",
    )
    with workspace.start(["launch", "demo", "p.launch.py"]) as process:
        started = pids(read_until(process, "hello"))
        assert os.listdir(temporary)
        process.kill()
    assert started
    assert eventually(lambda: not any(map(is_running, started)))
    assert eventually(lambda: not os.listdir(temporary))


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_closed_terminal_does_not_keep_a_launch(workspace, number):
    """Its log ends in EIO; the processes keep writing, and are ended nevertheless."""
    workspace.add_executable(
        "chatty", "import time\nwhile True: print('hello', flush=True); time.sleep(0.01)"
    )
    nodes(workspace, "[Node(package='demo', executable='chatty', output='screen')]")
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [*workspace.command, "launch", "demo", "p.launch.py"],
        env=workspace.variables,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    while b"hello" not in seen:
        seen += os.read(ours, 4096)
    os.close(ours)
    process.send_signal(number)
    assert process.wait(DEADLINE_S) == 0
    assert not any(map(is_running, pids(seen.decode())))


def test_a_line_that_the_screen_cannot_show_is_escaped(workspace):
    workspace.variables |= {"PYTHONIOENCODING": "ascii"}
    workspace.add_executable("talker", "import sys; sys.stdout.buffer.write(b'\\xc3\\xa9\\n')")
    nodes(workspace, "[Node(package='demo', executable='talker', output='screen')]")
    result = workspace.ros2("launch", "demo", "p.launch.py")
    assert "[talker-1] \\xe9\n" in result.stdout
    assert result.returncode == 0


def test_children_of_an_ended_process_are_ended(workspace):
    workspace.add_executable(
        "parent",
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print('child', child.pid, flush=True)",
    )
    nodes(workspace, "[Node(package='demo', executable='parent', output='screen')]")
    result = workspace.ros2("launch", "demo", "p.launch.py")
    (child,) = (int(pid) for pid in re.findall(r"child (\d+)", result.stdout))
    assert eventually(lambda: not is_running(child))


def test_events_timers_and_scopes(workspace):
    workspace.add_executable("show", "import os; print('X is', os.environ.get('X'))")
    nodes(
        workspace,
        """[
        GroupAction([
            SetEnvironmentVariable("X", "inside"),
            Node(package="demo", executable="show", output="screen"),
        ]),
        Node(package="demo", executable="show", output="screen", exec_name="outside"),
        TimerAction(period=0.1, actions=[LogInfo(msg="later")]),
        TimerAction(period=60.0, actions=[LogInfo(msg="never")]),
        TimerAction(period=2.0, actions=[EmitEvent(event=launch.events.Shutdown())]),
        RegisterEventHandler(OnProcessExit(on_exit=lambda event, context: LogInfo(
            msg=f"{event.process_name} gave {event.returncode}"))),
        RegisterEventHandler(OnShutdown(on_shutdown=[LogInfo(msg="bye")])),
    ]""",
    )
    result = workspace.ros2("launch", "demo", "p.launch.py")
    assert result.returncode == 0
    assert "[show-1] X is inside" in result.stdout
    assert "[outside-2] X is None" in result.stdout
    assert "show-1 gave 0" in result.stdout
    assert "[launch.user]: later" in result.stdout
    assert "[launch.user]: bye" in result.stdout
    assert "never" not in result.stdout


def test_respawn_starts_a_process_again(workspace):
    workspace.add_executable("brief", "raise SystemExit(3)")
    nodes(
        workspace,
        "[Node(package='demo', executable='brief', respawn=True, respawn_max_retries=2)]",
    )
    result = workspace.ros2("launch", "demo", "p.launch.py")
    assert len(pids(result.stdout)) == 3
    assert result.returncode == 0


def test_the_launch_leaves_no_parameter_files(workspace, tmp_path):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    workspace.variables["TMPDIR"] = str(temporary)
    workspace.add_executable("show", "import sys; print(open(sys.argv[-1]).read())")
    nodes(
        workspace,
        "[Node(package='demo', executable='show', output='screen', parameters=[{'a': 1.5}])]",
    )
    result = workspace.ros2("launch", "demo", "p.launch.py")
    assert "[show-1]     a: 1.5" in result.stdout
    assert os.listdir(temporary) == []
