"""The package as ROS 2 tools see it: manifest, executables and installed files."""

import ast
import importlib
import re
import runpy
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MANIFEST = ElementTree.parse(ROOT / "package.xml").getroot()


def setup_arguments(monkeypatch):
    """Return the arguments of setup() in setup.py, without building."""
    told = {}
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("setuptools.setup", lambda **arguments: told.update(arguments))
    runpy.run_path(str(ROOT / "setup.py"), run_name="__main__")
    return told


def entry_points():
    names = {}
    for node in ast.parse((ROOT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id in {"NODES", "TOOLS"}:
            names[node.targets[0].id] = ast.literal_eval(node.value)
    return [*map(node_module, names["NODES"]), *map(tool_module, names["TOOLS"])]


def node_module(name):
    """Return the module of a node: ``NAME/node.py``, or ``NAME.py`` in a subpackage of nodes."""
    nodes = ROOT / "der_ros/nodes"
    own = nodes / name / "node.py"
    path = own if own.is_file() else next(nodes.rglob(f"{name}.py"))
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def tool_module(name):
    """Return the module of a tool: ``NAME.py`` in ``cli`` or in a folder of it."""
    (path,) = (ROOT / "der_ros/cli").rglob(f"{name}.py")
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def test_the_manifest_makes_colcon_see_a_ros_package():
    assert MANIFEST.get("format") == "3"
    assert MANIFEST.findtext("export/build_type") == "ament_python"
    # Without a valid address colcon treats the package as plain Python and sets no paths.
    address = MANIFEST.find("maintainer").get("email")
    assert re.fullmatch(r"[\w.+-]+@[\w-]+(\.[\w-]+)*\.[a-zA-Z]{2,}", address)


def test_manifest_and_setup_agree(monkeypatch):
    told = setup_arguments(monkeypatch)
    assert told["name"] == MANIFEST.findtext("name") == "der_ros"
    assert told["version"] == MANIFEST.findtext("version")
    assert told["license"] == MANIFEST.findtext("license")
    assert told["maintainer_email"] == MANIFEST.find("maintainer").get("email")


ROS_PACKAGES = re.compile(r"rclpy|launch|launch_ros|ament_\w+|\w+_(msgs|srvs|interfaces)")


def imported_modules():
    """Return the first name of every module that der_ros or a launch file imports."""
    found = set()
    for folder in ("der_ros", "launch"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    found |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found.add(node.module.split(".")[0])
    return found


def declared(*elements):
    return {found.text for element in elements for found in MANIFEST.iter(element)}


def test_the_manifest_names_imported_ros_packages():
    imported = {name for name in imported_modules() if ROS_PACKAGES.fullmatch(name)}
    assert {"rclpy", "builtin_interfaces", "std_srvs", "launch_ros"} <= imported
    assert imported == {
        name for name in declared("depend", "exec_depend") if ROS_PACKAGES.fullmatch(name)
    }


DEBIAN_KEYS = {"numpy": "python3-numpy", "yaml": "python3-yaml", "matplotlib": "python3-matplotlib"}
DEBIAN_KEYS |= {"PIL": "python3-pil", "rich": "python3-rich"}
# Packages that only pip provides, or only in the needed version: requirements/README.md.
PIP_ONLY = {
    "gymnasium",
    "imageio_ffmpeg",
    "mcap",
    "onnx",
    "onnxruntime",
    "pyarrow",
    "pybullet",
    "ray",
}
PIP_ONLY |= {"rosbags", "tensorboard", "torch", "google", "lz4", "zstandard"}
# The plugin is loaded by pytest alone.
TEST_ONLY = {"pytest"}


def test_the_manifest_names_imports_in_debian():
    wanted = {key for module, key in DEBIAN_KEYS.items() if module in imported_modules()}
    assert wanted == {name for name in declared("exec_depend") if name.startswith("python3-")}


def test_every_import_is_declared_or_pip_only():
    own = {"der_ros", "_typeshed"} | sys.stdlib_module_names | TEST_ONLY
    others = imported_modules() - own - declared("depend", "exec_depend")
    assert others - set(DEBIAN_KEYS) == PIP_ONLY


def test_every_file_of_the_shared_folders_is_installed(monkeypatch):
    data_files = setup_arguments(monkeypatch)["data_files"]
    installed = {path: folder for folder, paths in data_files for path in paths}
    for top in ("launch", "config", "models", "demonstrations"):
        for path in (ROOT / top).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts and path.name[0] != ".":
                name = path.relative_to(ROOT).as_posix()
                assert installed[name] == f"share/der_ros/{Path(name).parent.as_posix()}"
    assert installed["resource/der_ros"] == "share/ament_index/resource_index/packages"
    assert installed["package.xml"] == "share/der_ros"


def test_no_benchmark_is_installed(monkeypatch):
    data_files = setup_arguments(monkeypatch)["data_files"]
    assert [folder for folder, _ in data_files if "benchmarks" in folder] == []


def test_every_executable_leads_to_something(monkeypatch):
    scripts = setup_arguments(monkeypatch)["entry_points"]["console_scripts"]
    assert len(scripts) == len(entry_points())
    for script in scripts:
        name, target = script.split(" = ")
        module, function = target.split(":")
        assert callable(getattr(importlib.import_module(module), function)), name


@pytest.mark.parametrize("module", entry_points())
def test_every_executable_has_a_main(module):
    path = ROOT / (module.replace(".", "/") + ".py")
    functions = {
        node.name: node
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
    }
    main = functions["main"].args
    # The installed script calls main() and leaves with what it returns.
    assert len(main.posonlyargs) + len(main.args) == len(main.defaults)


@pytest.mark.parametrize("module", [name for name in entry_points() if ".cli." in name])
def test_every_tool_has_help(module):
    result = subprocess.run(
        [sys.executable, "-c", f"import sys, {module} as m; sys.exit(m.main(['--help']))"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("usage:")


def test_launch_files_name_executables_that_exist():
    names = {module.rsplit(".", 1)[1] for module in entry_points()}
    for path in (ROOT / "launch").glob("*.launch.py"):
        for name in re.findall(r'executable="(\w+)"', path.read_text()):
            # joy_node is in ROS 2's package joy, and is started only if that is installed.
            assert name in names | {"joy_node"}, (
                f"{path.name} starts {name}, which setup.py does not install"
            )


def test_pytest_is_imported_by_its_plugin_alone():
    importing = [p for p in (ROOT / "der_ros").rglob("*.py") if "import pytest" in p.read_text()]
    assert [path.name for path in importing] == ["pytest_plugin.py"]


def test_the_pytest_plugin_is_an_entry_point(monkeypatch):
    (entry,) = setup_arguments(monkeypatch)["entry_points"]["pytest11"]
    name, _, module = entry.partition(" = ")
    assert name == module
    assert hasattr(importlib.import_module(module), "pytest_addoption")
