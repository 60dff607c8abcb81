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


def checkout(folder):
    """Make a checkout with one benchmark, and return its folder of benchmarks."""
    benchmarks = folder / "benchmarks"
    (benchmarks / "support").mkdir(parents=True)
    (benchmarks / "bench_echo.py").write_text(SCRIPT)
    (benchmarks / "support" / "report.py").write_text("")
    (folder / "package.xml").write_text("<package/>")
    return benchmarks


def install(prefix, monkeypatch):
    """Make an installation without benchmarks that is found before all others."""
    (prefix / "share" / "der_ros").mkdir(parents=True)
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(prefix))


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A checkout with one benchmark, and an installation built from it."""
    install(tmp_path / "install" / "der_ros", monkeypatch)
    return checkout(tmp_path)


def run(*arguments):
    command = [sys.executable, "-m", "der_ros.cli.benchmark", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_arguments_and_exit_code_are_passed_on(installed):
    assert run("echo", "--json", "--size", "3").returncode == 0
    assert run("echo", "--help").returncode == 7


def test_a_signal_goes_to_the_benchmark(installed):
    """A benchmark must be able to end the nodes it started."""
    (installed / "bench_echo.py").write_text(CLEANS_UP)
    command = [sys.executable, "-m", "der_ros.cli.benchmark", "echo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "runs\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30)[0] == "cleaned up\n"


def test_ctrl_c_in_a_benchmark_is_one_line(installed):
    (installed / "bench_echo.py").write_text(
        "import time\nprint('runs', flush=True)\ntime.sleep(60)\n"
    )
    command = [sys.executable, "-m", "der_ros.cli.benchmark", "echo"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdout.readline() == "runs\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30) == ("", "interrupted\n")
    assert process.returncode == 130


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_benchmarks_are_listed_with_their_description(installed, arguments):
    (line,) = [text for text in run(*arguments).stdout.splitlines() if text.startswith("  echo")]
    assert line.split(maxsplit=1)[1] == "Says what it was told."


def test_an_unknown_name_is_refused(installed, capsys):
    assert benchmark.main(["learning"]) == 1
    assert capsys.readouterr().err.strip() == (
        "error: benchmark: expected one of echo, got 'learning'"
    )


@pytest.mark.parametrize("source", ["", "src/der_ros"])
@pytest.mark.parametrize("prefix", ["install/der_ros", "install"])
def test_the_checkout_of_an_installation_is_found(tmp_path, monkeypatch, source, prefix):
    install(tmp_path / prefix, monkeypatch)
    folder = checkout(tmp_path / source)
    assert benchmark.find_benchmarks() == {"echo": folder / "bench_echo.py"}


def test_the_checkout_of_the_directory_is_found(tmp_path, monkeypatch):
    install(tmp_path / "opt" / "der_ros", monkeypatch)
    folder = checkout(tmp_path / "clone")
    monkeypatch.chdir(folder / "support")
    assert benchmark.find_benchmarks() == {"echo": folder / "bench_echo.py"}


def test_without_a_checkout_the_error_says_what_to_do(tmp_path, monkeypatch, capsys):
    install(tmp_path / "opt" / "der_ros", monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(benchmark, "__file__", str(tmp_path / "a/b/c/d.py"))
    assert benchmark.main([]) == 1
    assert "Clone the repository, change into it" in capsys.readouterr().err


@pytest.mark.parametrize("name", benchmark.find_benchmarks())
def test_every_benchmark_has_the_common_arguments(name):
    script = benchmark.find_benchmarks()[name]
    assert benchmark.describe(script).endswith(".")
    result = subprocess.run(
        [sys.executable, str(script), "--help"], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    assert "--json" in result.stdout
