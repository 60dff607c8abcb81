"""The environment in which commands run: its creation, update and repair."""

import os
import shutil
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ros2w import pythons, ros
from ros2w.children import only_one, remove_environment, run_logged
from ros2w.installer import install_python
from ros2w.jobs import highest
from ros2w.project import LEVEL_NAMES, LEVELS, PACKAGE
from ros2w.report import SetupError, cause_of_failure, pip_progress, say, step
from ros2w.state import State, hash_of, sources, stamp

# ROS 2 distributions that exist as wheels; the first is the default.
DISTRIBUTIONS = ("jazzy", "kilted")
# The only list without hashes: see requirements/README.md.
TORCH = "torch"
COLCON = "import sys; from colcon_core.command import main; sys.exit(main())"
BOOTSTRAP_MARK = "_ROS_WHEELS_BOOTSTRAP_COMPLETE"


class Environment:
    """Virtual environment with the required packages, and the package built into ``install``.

    Without a sourced ROS 2 the folder is ``.venv`` (``.venv-kilted`` for Kilted), with ROS 2's
    wheels and the stand-in for launch. With a sourced ROS 2 it is ``.venv-ros``, which uses the
    packages of that installation and adds the missing ones.
    """

    def __init__(self, root: Path, variables: Mapping[str, str]) -> None:
        self.root = root
        self.variables = dict(variables)
        self.ros = self._find_ros()
        self.distribution = self._chosen_distribution()
        self.folder = root / self._folder_name()
        self.python = self.folder / "bin" / "python"
        self._mark = self.folder / ".ros2w"
        self._state_path = self._mark / "state.json"
        self._requirements = root / "requirements"

    def _chosen_distribution(self) -> str:
        """Return the ROS 2 distribution whose wheels are wanted.

        Raises:
            SetupError: The distribution has no wheels, or another one is sourced.
        """
        wanted = self.variables.get("ROS2W_DISTRO") or DISTRIBUTIONS[0]
        if wanted not in DISTRIBUTIONS:
            raise SetupError(
                f"ROS2W_DISTRO={wanted}: there are wheels of {' and '.join(DISTRIBUTIONS)} only; "
                "to use another ROS 2, install and source it"
            )
        if self.ros and self.variables.get("ROS2W_DISTRO") not in {None, self.ros.distribution}:
            raise SetupError(
                f"ROS2W_DISTRO={wanted}, but ROS 2 {self.ros.distribution} is sourced: "
                "use a terminal without a sourced ROS 2, or unset ROS2W_DISTRO"
            )
        return wanted

    def _folder_name(self) -> str:
        if self.ros:
            return ".venv-ros"
        return ".venv" if self.distribution == DISTRIBUTIONS[0] else f".venv-{self.distribution}"

    def _find_ros(self) -> ros.SourcedRos | None:
        return ros.find(self.variables, self.root, self.root / ".venv-ros" / ".ros2w" / "ros.json")

    def ensure(self, level: str) -> None:
        """Install the packages of ``level`` and build the package, as far as needed.

        Raises:
            SetupError: Something is missing on this machine; the message names it.
        """
        state = State.read(self._state_path)
        if self._lacks(state, level):
            with only_one(self.root):
                self._prepare(level)
            self._find_ros()  # again: now the folder that holds the cached answer exists

    def _lacks(self, state: State, level: str) -> str:
        """Return the first part that is missing or out of date; empty if there is none."""
        if state.pending or self._trouble(state):
            return "environment"
        if self._lacks_packages(state, level):
            return "packages"
        if self.ros is None and state.stand_in != self._stand_in_stamp():
            return "stand-in"
        built = self._prefix / "share" / PACKAGE / "package.xml"
        if state.package != self._package_stamp(sources(self.root)) or not built.exists():
            return "build"
        if self._builder() != str(self.python):
            return "build"  # the last build was made by another environment of this checkout
        return ""

    def _lacks_packages(self, state: State, level: str) -> bool:
        if not state.level or LEVELS.index(state.level) < LEVELS.index(level):
            return True
        return any(state.lists.get(name) != hash_of(path) for name, path in self._lists(level))

    def _prepare(self, level: str) -> None:
        state = self._sound_environment(level)
        # An interrupted pip may also have removed packages: run it again.
        if state.pending == "packages" or self._lacks_packages(state, level):
            self._install_packages(state, highest(level, state.level))
        if self.ros is None and state.stand_in != self._stand_in_stamp():
            self._install_stand_in(state)
        if self._lacks(state, level):
            self._build(state)

    # The virtual environment

    def _sound_environment(self, level: str) -> State:
        """Return the state of a working environment; create the environment if needed."""
        state = State.read(self._state_path)
        if self.folder.exists() and not self._mark.exists():
            raise SetupError(
                f"{self.folder} exists but was not made by ros2w: move it away, then try again"
            )
        if self._mark.exists():
            trouble = self._trouble(state)
            if not trouble:
                return state
            say(f"{self.folder.name} {trouble}; creating it again")
            remove_environment(self.folder, self._mark)
        return self._make_environment(level)

    def _trouble(self, state: State) -> str:
        """Return the reason why the environment does not work; empty if it works."""
        if not state.python or not self.python.exists():
            return "is incomplete or its Python is gone"
        if state.folder != str(self.folder):
            return f"was created at {state.folder}"
        wanted = self.ros.python if self.ros else self.variables.get("ROS2W_PYTHON", state.python)
        if os.path.realpath(state.python) != os.path.realpath(shutil.which(wanted) or wanted):
            return f"was created with another Python ({state.python}) than {wanted}"
        if state.pending == "packages" and (broken := self._broken_packages()):
            return f"was interrupted while installing {broken}"
        return ""

    def _make_environment(self, level: str) -> State:
        python = self._base_python(level)
        self._mark.mkdir(parents=True)
        more = ["--system-site-packages"] if self.ros else []
        with step(f"creating {self.folder.name} with {python.name}"):
            command = [python.path, "-m", "venv", *more, str(self.folder)]
            log = self._mark / "venv.log"
            if not run_logged(command, log, cwd=self.root, environment=self._clean_variables()):
                raise SetupError(f"{python.name} cannot create a virtual environment: see {log}")
        (self._mark / "python").write_text(python.path + "\n")
        state = State(folder=str(self.folder), python=python.path)
        state.write(self._state_path)
        return state

    def _base_python(self, level: str) -> pythons.Python:
        if self.ros is None:
            if sys.platform != "linux" or "x86_64" not in sysconfig.get_platform():
                raise SetupError(
                    "ROS 2's wheels exist for Linux on x86-64 only, and this is "
                    f"{sysconfig.get_platform()}: install a ROS 2 and source it"
                )
            return self._python_with_wheels(level)
        say(f"using the sourced ROS 2 {self.ros.distribution} ({self.ros.command})")
        python = pythons.probe(self.ros.python)
        if python is None or not python.makes_venv:
            raise SetupError(
                f"{self.ros.python}, ROS 2's Python, has no venv module: `apt install python3-venv`"
            )
        return python

    def _python_with_wheels(self, level: str) -> pythons.Python:
        """Return the best Python; install one if none on this machine has all wheels of ``level``.

        Where it cannot be installed, PyBullet is compiled for another Python.
        """
        wanted = pythons.SUPPORTED if level == LEVELS[0] else pythons.PYBULLET_WHEELS
        found = pythons.find(self.variables, self.root)
        missing = "ROS2W_PYTHON" not in self.variables and not pythons.has_one_of(found, wanted)
        if missing and install_python(self.root, found, self._clean_variables()):
            found = pythons.find(self.variables, self.root)
        return pythons.choose(found)

    def _broken_packages(self) -> str:
        """Return the names of packages with missing files, according to pip's records."""
        broken = []
        for info in self._site_packages(self.folder).glob("*.dist-info"):
            record = info / "RECORD"
            files = record.read_text().splitlines() if record.exists() else []
            paths = [self._recorded(line, info) for line in files if ".pyc" not in line]
            if not paths or not all(path.exists() for path in paths):
                broken.append(info.name.split("-")[0])
        return ", ".join(sorted(broken))

    @staticmethod
    def _recorded(line: str, info: Path) -> Path:
        name = line[1:].split('"')[0] if line.startswith('"') else line.split(",")[0]
        return info.parent / name

    # Installed packages

    def _lists(self, level: str) -> Iterator[tuple[str, Path]]:
        """Yield name and path of the lists for a level: locks, or lists beside a sourced ROS 2."""
        levels = LEVELS[: LEVELS.index(level) + 1]
        if self.ros is not None:
            # The added packages must fit those of the ROS 2 installation.
            for name in ("build", *levels):
                yield name, self._requirements / f"{name}.txt"
            return
        for name in ("build", f"ros-{self.distribution}", *levels):
            yield name, self._requirements / "locks" / f"{name}.txt"
        if "train" in levels:
            yield TORCH, self._requirements / f"{TORCH}.txt"

    def _install_packages(self, state: State, level: str) -> None:
        self._warn_of_compiling(state, level)
        lists = dict(self._lists(level))
        command = [str(self.python), "-m", "pip", "install", "--progress-bar", "off"]
        command += ["--no-input", "--disable-pip-version-check", "--no-warn-script-location"]
        complaint = f"{LEVEL_NAMES[level]} cannot be installed"
        with self._doing(state, "packages"), step(f"installing {LEVEL_NAMES[level]}"):
            for words in self._pip_words(lists, level):
                self._pip([*command, *words], complaint, pip_progress())
            state.level = level
            state.lists = {name: hash_of(path) for name, path in lists.items()}

    def _pip_words(self, lists: Mapping[str, Path], level: str) -> Iterator[list[str]]:
        """Yield the arguments of each call of pip that is needed to install ``lists``."""

        def read(paths: Iterable[Path]) -> list[str]:
            return [word for path in paths for word in ("-r", str(path))]

        if self.ros is None:
            # The locks are complete: pip has nothing to resolve.
            locks = [path for name, path in lists.items() if name != TORCH]
            yield ["--require-hashes", "--no-deps", *read(locks)]
            if TORCH in lists:
                yield read([lists[TORCH]])
            return
        words = read([lists["build"], lists[level]])
        if self.ros.numpy:
            # ROS 2's messages are compiled with this version of numpy.
            constraints = self._mark / "constraints.txt"
            constraints.write_text(f"numpy=={self.ros.numpy}\n")
            words += ["-c", str(constraints)]
        yield words

    def _pip(
        self,
        command: list[str],
        complaint: str,
        listener: Callable[[str], None] = lambda line: None,
    ) -> None:
        log = self._mark / "pip.log"
        variables = self._clean_variables()
        if not run_logged(command, log, cwd=self.root, environment=variables, listener=listener):
            raise SetupError(f"{complaint}: {cause_of_failure(log)} (pip's output: {log})")

    def _warn_of_compiling(self, state: State, level: str) -> None:
        python = pythons.probe(str(self.python))
        compiles = python is not None and python.version not in pythons.PYBULLET_WHEELS
        if level == "robot" or not compiles or LEVELS.index(state.level or "robot") > 0:
            return
        say(
            "PyBullet has wheels for Python 3.10 and 3.11 only; here it is compiled once, which "
            "takes about ten minutes"
        )
        if not any(map(shutil.which, ("c++", "g++", "clang++"))):
            raise SetupError("a C++ compiler is missing: `apt install build-essential python3-dev`")

    def _install_stand_in(self, state: State) -> None:
        command = [str(self.python), "-m", "pip", "install", "--no-deps", "--no-build-isolation"]
        command += ["--disable-pip-version-check", "--editable", str(self.root / "standalone")]
        with self._doing(state, "stand-in"), step("installing the stand-in for ros2 launch"):
            self._pip(command, "the stand-in for ros2 launch cannot be installed")
            state.stand_in = self._stand_in_stamp()

    def _stand_in_stamp(self) -> str:
        # An editable installation must be repeated only when its metadata changes.
        return hash_of(self.root / "standalone" / "pyproject.toml")

    # The build of the package

    @property
    def _prefix(self) -> Path:
        return self.root / "install" / PACKAGE

    @property
    def _builder_path(self) -> Path:
        return self._prefix.parent / ".built_by"

    def _builder(self) -> str:
        """Return the Python of the last build; all environments share the folder ``install``."""
        try:
            return self._builder_path.read_text()
        except OSError:
            return ""

    def _package_stamp(self, files: Mapping[str, tuple[int, int]]) -> str:
        return stamp((str(self.python), sorted(files.items())))

    def _build(self, state: State) -> None:
        files = sources(self.root)
        with self._doing(state, "build", repairable=True), step("building the package with colcon"):
            if set(state.files) - set(files):
                # colcon does not remove installed files whose source is gone.
                shutil.rmtree(self._prefix, ignore_errors=True)
                shutil.rmtree(self.root / "build" / PACKAGE, ignore_errors=True)
            command = [str(self.python), "-c", COLCON, "build", "--base-paths", str(self.root)]
            command += ["--packages-select", PACKAGE, "--event-handlers", "console_direct+"]
            log = self._mark / "colcon.log"
            variables = self._clean_variables()
            # Container images often set it; then each start of a node would compile the package.
            variables.pop("PYTHONDONTWRITEBYTECODE", None)
            if not run_logged(command, log, cwd=self.root, environment=variables):
                lines = [line.strip() for line in log.read_text().splitlines() if line.strip()]
                last = next((line for line in reversed(lines) if "rror" in line), "no reason given")
                raise SetupError(f"colcon cannot build the package: {last} (output: {log})")
            self._builder_path.write_text(str(self.python))
            state.package = self._package_stamp(files)
            state.files = sorted(files)

    @contextmanager
    def _doing(self, state: State, what: str, *, repairable: bool = False) -> Iterator[None]:
        """Record the step in progress, so that the next call can repair an interrupted one."""
        if repairable:
            state.package = ""
        else:
            state.pending = what
        state.write(self._state_path)
        try:
            yield
        except SetupError:
            # pip and colcon leave the environment intact when they fail.
            state.pending = ""
            state.write(self._state_path)
            raise
        state.pending = ""
        state.write(self._state_path)

    # Variables of commands

    def _clean_variables(self) -> dict[str, str]:
        """Return the variables without those of another environment of wheels or ROS 2."""
        variables = dict(self.variables)
        variables.pop("PYTHONHOME", None)
        if variables.pop(BOOTSTRAP_MARK, None):
            _keep(variables, "LD_LIBRARY_PATH", lambda entry: "site-packages" not in entry)
        if self.ros is None:
            foreign = [
                entry for entry in variables.pop("AMENT_PREFIX_PATH", "").split(":") if entry
            ]
            for name in ("PYTHONPATH", "LD_LIBRARY_PATH"):
                _keep(variables, name, lambda entry: not any(map(entry.startswith, foreign)))
        variables["VIRTUAL_ENV"] = str(self.folder)
        _prepend(variables, "PATH", self.folder / "bin")
        return variables

    def job_variables(self) -> dict[str, str]:
        """Return the variables of a command, as if ``install`` were sourced and the venv active."""
        variables = self._clean_variables()
        _prepend(variables, "AMENT_PREFIX_PATH", self._prefix)
        _prepend(variables, "COLCON_PREFIX_PATH", self._prefix.parent)
        _prepend(variables, "PYTHONPATH", self._site_packages(self._prefix))
        return variables

    @staticmethod
    def _site_packages(prefix: Path) -> Path:
        found = sorted(prefix.glob("lib/python3*/site-packages"))
        return found[-1] if found else prefix / "lib"


def _prepend(variables: dict[str, str], name: str, entry: Path) -> None:
    others = [old for old in variables.get(name, "").split(":") if old and old != str(entry)]
    variables[name] = ":".join([str(entry), *others])


def _keep(variables: dict[str, str], name: str, wanted: Callable[[str], bool]) -> None:
    entries = [entry for entry in variables.get(name, "").split(":") if entry and wanted(entry)]
    if entries:
        variables[name] = ":".join(entries)
    else:
        variables.pop(name, None)
