import signal
import subprocess
import sys

import pytest

from der_ros.cli import benchmark

SCRIPT = '''"""Says what it was told.

And no more.
"""

import sys

sys.exit(0 if sys.argv[1:] == ["--json", "--size", "3"] else 7)
'''


CLEANS_UP = '''"""Takes a while to end."""
import time

try:
    print("runs", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(1)
    print("cleaned up")
'''


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A prefix with one benchmark, found before the package's own."""
    folder = tmp_path / "share" / "der_ros" / "benchmarks"
    folder.mkdir(parents=True)
    (folder / "bench_echo.py").write_text(SCRIPT)
    (folder / "figures.py").write_text("")
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    return folder


def run(*arguments):
    command = [sys.executable, "-m", "der_ros.cli.benchmark", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_arguments_go_to_the_benchmark_and_its_exit_code_comes_back(installed):
    assert run("echo", "--json", "--size", "3").returncode == 0
    assert run("echo", "--help").returncode == 7


def test_a_signal_goes_to_the_benchmark(installed):
    """Which has perhaps a robot's nodes to end: nobody may kill it meanwhile."""
    (installed / "bench_echo.py").write_text(CLEANS_UP)
    command = [sys.executable, "-m", "der_ros.cli.benchmark", "echo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "runs\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30)[0] == "cleaned up\n"


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_what_there_is_is_listed_with_its_description(installed, arguments):
    (line,) = [text for text in run(*arguments).stdout.splitlines() if text.startswith("  echo")]
    assert line.split(maxsplit=1)[1] == "Says what it was told."


def test_an_unknown_name_is_refused_with_those_that_there_are(installed, capsys):
    assert benchmark.main(["learning"]) == 1
    assert capsys.readouterr().err.strip() == (
        "error: benchmark: expected one of echo, got 'learning'"
    )


@pytest.mark.parametrize("name", benchmark.find_benchmarks())
def test_every_benchmark_has_a_description_and_the_common_arguments(name):
    script = benchmark.find_benchmarks()[name]
    assert benchmark.describe(script).endswith(".")
    result = subprocess.run(
        [sys.executable, str(script), "--help"], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    assert "--json" in result.stdout
