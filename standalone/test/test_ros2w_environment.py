"""The environment is created once, kept up to date, and repaired after interruptions.

A test double replaces pip, venv and colcon, so no network is needed.
"""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ros2w import cli, environment, pythons, report
from ros2w.children import only_one, run_logged
from ros2w.environment import Environment
from ros2w.report import SetupError
from ros2w.state import State

ROOT = Path(__file__).resolve().parents[2]


class Tools:
    """Test double for venv, pip and colcon: records the calls, and creates the required files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.calls: list[str] = []
        self.fail_at = ""
        self.die_at = ""

    def run(self, command, log, **_):
        name = self._name(command)
        self.calls.append(name)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("ERROR: it broke\n")
        if name == self.die_at:
            raise KeyboardInterrupt
        if name == self.fail_at:
            return False
        if name == "venv":
            python = Path(command[-1]) / "bin" / "python"
            python.parent.mkdir(parents=True)
            python.symlink_to(sys.executable)
        if name == "build":
            share = self.root / "install/der_ros/share/der_ros"
            share.mkdir(parents=True, exist_ok=True)
            (share / "package.xml").touch()
        return True

    @staticmethod
    def _name(command):
        if "venv" in command:
            return "venv"
        if "--editable" in command:
            return "stand-in"
        if "install" in command:
            lists = [Path(word).stem for word in command if word.endswith(".txt")]
            return "pip " + " ".join(lists)
        return "build"


@pytest.fixture
def root(tmp_path):
    made = tmp_path / "repository"
    for folder in ("requirements/locks", "der_ros", "standalone"):
        (made / folder).mkdir(parents=True)
    for name in ("build", "ros-jazzy", "ros-kilted", "robot", "sim", "train", "docs", "dev"):
        (made / "requirements/locks" / f"{name}.txt").write_text(name)
    (made / "requirements/torch.txt").write_text("torch")
    (made / "der_ros" / "a.py").touch()
    (made / "der_ros" / "b.py").touch()
    (made / "standalone" / "pyproject.toml").touch()
    return made


@pytest.fixture
def tools(root, monkeypatch):
    made = Tools(root)
    monkeypatch.setattr(environment, "run_logged", made.run)
    monkeypatch.setattr(
        pythons, "find", lambda variables, root: [pythons.Python(sys.executable, (3, 11), True)]
    )
    return made


def ensure(root, tools, level="robot"):
    """Prepare an environment, and return the tool calls."""
    tools.calls.clear()
    Environment(root, {"PATH": "/bin"}).ensure(level)
    return tools.calls[:]


FIRST = ["venv", "pip build ros-jazzy robot", "stand-in", "build"]


def test_a_second_call_does_nothing(root, tools):
    assert ensure(root, tools) == FIRST
    assert ensure(root, tools) == []


def test_more_is_installed_when_a_job_needs_more(root, tools):
    ensure(root, tools)
    assert ensure(root, tools, "sim") == ["pip build ros-jazzy robot sim"]
    assert ensure(root, tools) == []
    (root / "requirements/locks/robot.txt").write_text("robot and more")
    assert ensure(root, tools) == ["pip build ros-jazzy robot sim"]


def test_a_changed_list_counts_for_jobs_that_need_it(root, tools):
    ensure(root, tools, "sim")
    (root / "requirements/locks/sim.txt").write_text("sim and more")
    assert ensure(root, tools) == []
    assert ensure(root, tools, "sim") == ["pip build ros-jazzy robot sim"]


def test_locks_are_installed_by_hash_before_torch(root, tools, monkeypatch):
    commands = []
    run = tools.run
    monkeypatch.setattr(
        environment,
        "run_logged",
        lambda command, *a, **k: commands.append(command) or run(command, *a, **k),
    )
    assert ensure(root, tools, "train")[1:3] == ["pip build ros-jazzy robot sim train", "pip torch"]
    locked, torch = [command for command in commands if "-r" in command]
    assert {"--require-hashes", "--no-deps"} <= set(locked)
    assert not {"--require-hashes", "--no-deps"} & set(torch)


def test_each_distribution_has_its_own_environment(root, tools):
    ensure(root, tools)
    tools.calls.clear()
    Environment(root, {"PATH": "/bin", "ROS2W_DISTRO": "kilted"}).ensure("robot")
    assert tools.calls[:2] == ["venv", "pip build ros-kilted robot"]
    assert (root / ".venv-kilted/bin/python").exists()
    assert (root / ".venv/bin/python").exists()


def test_a_distribution_without_wheels_is_named(root):
    with pytest.raises(SetupError, match="ROS2W_DISTRO=lyrical: there are wheels of jazzy and"):
        Environment(root, {"PATH": "/bin", "ROS2W_DISTRO": "lyrical"})


@pytest.fixture
def only_312(root, monkeypatch):
    """Machine with Python 3.12 alone, besides what is installed into the checkout."""
    real = pythons.probe

    def probe(path):
        python = real(path)
        if python and not str(path).startswith(str(root)):
            python = python._replace(version=(3, 12))
        return python

    monkeypatch.setattr(pythons, "probe", probe)


def write_uv(folder, lines):
    """Write a program `uv` whose body is shell code; $5 is the folder to install into."""
    uv = folder / "bin/uv"
    uv.parent.mkdir()
    uv.write_text("#!/bin/sh\n" + lines)
    uv.chmod(0o755)
    return f"{uv.parent}:/usr/bin:/bin"


INSTALLS = f"""
test "$1 $2 $3 $4" = "python install 3.11 --install-dir" || exit 1
mkdir -p "$5/cpython-3.11.9/bin"
printf '#!/bin/sh\\nexec {sys.executable} "$@"\\n' >"$5/cpython-3.11.9/bin/python3.11"
chmod +x "$5/cpython-3.11.9/bin/python3.11"
"""


def test_a_python_with_wheels_is_installed(root, only_312, capsys, tmp_path):
    variables = {"PATH": write_uv(tmp_path, INSTALLS)}
    made = Environment(root, variables)
    assert made._python_with_wheels("sim").path.startswith(f"{root}/.python/cpython-3.11.9/")
    assert "this machine has Python 3.12" in capsys.readouterr().err
    made._python_with_wheels("sim")
    assert "installing" not in capsys.readouterr().err


@pytest.mark.parametrize("wish", [{"ROS2W_PYTHON": sys.executable}, {}])
def test_no_python_is_installed_unasked(root, only_312, capsys, tmp_path, wish):
    made = Environment(root, {"PATH": write_uv(tmp_path, INSTALLS), **wish})
    assert made._python_with_wheels("sim" if wish else "robot").version == (3, 12)
    assert "installing" not in capsys.readouterr().err


def test_without_a_network_the_other_python_is_used(root, only_312, capsys, tmp_path):
    broken = "echo 'failed to lookup address information: Name or service not known'; exit 2"
    made = Environment(root, {"PATH": write_uv(tmp_path, broken)})
    assert made._python_with_wheels("sim").version == (3, 12)
    said = capsys.readouterr().err
    assert "Python 3.11 cannot be installed: the server cannot be reached: check the net" in said


def test_a_long_step_prints_a_heartbeat(capsys, monkeypatch):
    monkeypatch.setattr(report, "HEARTBEAT_S", 0.01)
    said = ""
    deadline = time.monotonic() + 30
    with report.step("compiling"):
        while "still compiling" not in said and time.monotonic() < deadline:
            said += capsys.readouterr().err
    assert "still compiling: 0 s so far" in said


def test_changed_sources_cause_a_new_build(root, tools):
    ensure(root, tools)
    (root / "der_ros/a.py").write_text("changed = True")
    assert ensure(root, tools) == ["build"]
    ghost = root / "install/der_ros/ghost"
    ghost.touch()
    (root / "der_ros/c.py").touch()
    assert ensure(root, tools) == ["build"]
    assert ghost.exists()
    (root / "der_ros/b.py").unlink()
    assert ensure(root, tools) == ["build"]
    assert not ghost.exists()


def test_the_installed_package_is_compiled(root, tools, monkeypatch):
    given = []
    monkeypatch.setattr(
        environment,
        "run_logged",
        lambda *a, **k: given.append(k["environment"]) or tools.run(*a, **k),
    )
    Environment(root, {"PATH": "/bin", "PYTHONDONTWRITEBYTECODE": "1"}).ensure("robot")
    assert "PYTHONDONTWRITEBYTECODE" not in given[-1]


def test_a_build_of_another_environment_is_made_again(root, tools):
    """Installed programs start the Python of the environment that built them last."""
    kilted = {"PATH": "/bin", "ROS2W_DISTRO": "kilted"}
    ensure(root, tools)
    Environment(root, kilted).ensure("robot")
    assert ensure(root, tools) == ["build"]
    assert ensure(root, tools) == []


def test_a_lost_build_is_made_again(root, tools):
    ensure(root, tools)
    (root / "install/der_ros/share/der_ros/package.xml").unlink()
    assert ensure(root, tools) == ["build"]


@pytest.mark.parametrize(
    ("step", "repair"),
    [
        ("venv", FIRST),
        ("pip build ros-jazzy robot", FIRST[1:]),
        ("stand-in", FIRST[2:]),
        ("build", FIRST[3:]),
    ],
)
def test_an_interrupted_setup_continues(root, tools, step, repair):
    tools.die_at = step
    with pytest.raises(KeyboardInterrupt):
        ensure(root, tools)
    tools.die_at = ""
    assert ensure(root, tools) == repair
    assert ensure(root, tools) == []


def test_broken_packages_make_a_new_environment(root, tools):
    ensure(root, tools)
    tools.die_at = "pip build ros-jazzy robot sim"
    with pytest.raises(KeyboardInterrupt):
        ensure(root, tools, "sim")
    info = root / ".venv/lib/python3.11/site-packages/half-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "RECORD").write_text("half/__init__.py,sha256=x,1\nhalf-1.0.dist-info/RECORD,,\n")
    tools.die_at = ""
    assert ensure(root, tools) == FIRST
    assert not info.exists()


@pytest.mark.parametrize("step", FIRST)
def test_a_failed_step_is_tried_again(root, tools, step):
    tools.fail_at = step
    with pytest.raises(SetupError):
        ensure(root, tools)
    tools.fail_at = ""
    assert ensure(root, tools)[-1] == "build"
    assert ensure(root, tools) == []


def test_a_moved_or_broken_environment_is_made_again(root, tools):
    ensure(root, tools)
    (root / ".venv/bin/python").unlink()
    assert ensure(root, tools)[0] == "venv"
    moved = root.with_name("moved")
    os.rename(root, moved)
    tools.root = moved
    assert ensure(moved, tools)[0] == "venv"


def test_another_python_makes_a_new_environment(root, tools):
    ensure(root, tools)
    Environment(root, {"PATH": "/bin", "ROS2W_PYTHON": sys.executable}).ensure("robot")
    assert tools.calls == FIRST
    tools.calls.clear()
    Environment(root, {"PATH": "/bin", "ROS2W_PYTHON": "/bin/sh"}).ensure("robot")
    assert tools.calls == FIRST


def test_a_foreign_venv_is_left_alone(root, tools):
    (root / ".venv").mkdir()
    (root / ".venv/precious").touch()
    with pytest.raises(SetupError, match="was not made by ros2w"):
        ensure(root, tools)
    assert (root / ".venv/precious").exists()


def test_an_unreadable_state_counts_as_none(tmp_path):
    path = tmp_path / "state.json"
    for text in ("", "{", "[]", '{"unknown": 1}'):
        path.write_text(text)
        assert State.read(path) == State()


def test_job_variables_hold_only_this_environment(root, tools):
    ensure(root, tools)
    (root / "install/der_ros/lib/python3.11/site-packages").mkdir(parents=True)
    variables = {
        "PATH": "/usr/bin",
        "PYTHONHOME": "/elsewhere",
        "AMENT_PREFIX_PATH": "/opt/ros/other",
        "PYTHONPATH": "/opt/ros/other/lib/python3/site-packages:/mine",
        "_ROS_WHEELS_BOOTSTRAP_COMPLETE": "1",
        "LD_LIBRARY_PATH": "/other/site-packages/ros_x.libs:/cuda",
    }
    seen = Environment(root, variables).job_variables()
    prefix = root / "install/der_ros"
    assert seen["PATH"] == f"{root}/.venv/bin:/usr/bin"
    assert seen["AMENT_PREFIX_PATH"] == str(prefix)
    assert seen["PYTHONPATH"] == f"{prefix}/lib/python3.11/site-packages:/mine"
    assert seen["LD_LIBRARY_PATH"] == "/cuda"
    assert seen["VIRTUAL_ENV"] == f"{root}/.venv"
    assert not {"PYTHONHOME", "_ROS_WHEELS_BOOTSTRAP_COMPLETE"} & set(seen)


def test_an_interruption_ends_the_tools_children(tmp_path):
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)"
    )
    started = []

    def interrupt(line):
        started.append(int(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_logged(
            [sys.executable, "-c", code],
            tmp_path / "log",
            cwd=tmp_path,
            environment=os.environ,
            listener=interrupt,
        )
    deadline = time.monotonic() + 30
    status = Path(f"/proc/{started[0]}/stat")
    while status.exists() and ") Z" not in status.read_text() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert time.monotonic() < deadline


def test_one_prepares_at_a_time(tmp_path, capsys):
    order = []
    inside, leave = threading.Event(), threading.Event()

    def first():
        with only_one(tmp_path):
            inside.set()
            leave.wait(30)
            order.append("first")

    def second():
        with only_one(tmp_path):
            order.append("second")

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert inside.wait(30)
    threads[1].start()
    leave.set()
    for thread in threads:
        thread.join(30)
    assert order == ["first", "second"]


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        ([], 2, "usage: ./ros2w"),
        (["lunch"], 2, "there is no command 'lunch'"),
        (["setup", "--all"], 2, "setup takes --robot-only or nothing"),
        (["exec"], 2, "exec needs a command"),
    ],
)
def test_a_wrong_call_is_reported_on_standard_error(words, status, sentence, capsys):
    assert cli.main(str(ROOT), words) == status
    assert sentence in capsys.readouterr().err


def test_a_path_with_a_space_is_refused(tmp_path, capsys):
    folder = tmp_path / "with space"
    folder.mkdir()
    assert cli.main(str(folder), ["setup"]) == 1
    assert "has a space or a colon" in capsys.readouterr().err


def wrapper(*words, **variables):
    return subprocess.run(
        ["/bin/sh", str(ROOT / "ros2w"), *words],
        env={"PATH": "/usr/bin:/bin", **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_help_needs_no_environment():
    result = wrapper("--help", ROS2W_PYTHON=sys.executable)
    assert result.returncode == 0
    assert result.stdout.startswith("usage: ./ros2w COMMAND")


def test_an_unusable_or_old_python_is_named(tmp_path):
    old = tmp_path / "old-python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    result = wrapper("--help", ROS2W_PYTHON=str(old))
    assert result.returncode == 1
    assert result.stderr.startswith(f"ros2w: ROS2W_PYTHON={old} is not a Python 3.10 or later")
