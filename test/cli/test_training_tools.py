import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time

import onnx
import pytest

from der_ros.cli import evaluate, export_policy, train
from der_ros.cli._tool import run_tool
from der_ros.policy.runtime import OnnxPolicy
from der_ros.training.checkpoint.file import latest_checkpoint, load_checkpoint, save_checkpoint

PRESET = """
workers: 0
hidden: [8, 8]
batch_size: 16
learning_starts: 100
capacity: 5000
zone_size: 500
report_interval_s: 0.2
checkpoint_interval_s: 0.5
evaluation_episodes: 1
max_env_steps: 300
"""


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tools")
    (folder / "small.yaml").write_text(PRESET)
    preset, target = str(folder / "small.yaml"), str(folder / "run")
    assert train.main(["--preset", preset, "--run-dir", target, "--seed", "4"]) == 0
    return folder / "run"


def test_train_leaves_the_run_folder_of_the_contract(run_dir):
    names = {path.name for path in run_dir.iterdir()}
    assert names >= {
        "config.yaml",
        "metrics.jsonl",
        "checkpoints",
        "policy.onnx",
        "learning_curve.png",
    }
    assert any(name.startswith("events.out.tfevents") for name in names)
    assert OnnxPolicy.load(run_dir / "policy.onnx").contract.control_dt_s == 0.06


def test_evaluate_prints_the_contracts_keys(run_dir, capsys):
    policy = str(run_dir / "policy.onnx")
    arguments = ["--task", "lap_joint", "--policy", policy, "--episodes", "2", "--json"]
    assert evaluate.main(arguments) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["task"] == "lap_joint"
    assert first["robot"] == "robotless"
    assert first["episodes"] == 2
    low, high = first["success_interval"]
    assert 0.0 <= low <= first["success_rate"] <= high <= 1.0
    assert first["peak_force_n"] >= 0.0
    assert "median_duration_s" in first
    assert evaluate.main(arguments) == 0
    assert json.loads(capsys.readouterr().out) == first  # the same seeds, the same figures


def test_export_policy_writes_what_the_run_wrote(run_dir, tmp_path, capsys):
    out = tmp_path / "again.onnx"
    assert export_policy.main([str(run_dir), str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["max_difference"] <= 1e-5
    assert OnnxPolicy.load(out).contract == OnnxPolicy.load(run_dir / "policy.onnx").contract
    assert export_policy.main([str(run_dir), str(out)]) == 1
    assert "--force" in capsys.readouterr().err
    assert export_policy.main([str(run_dir), str(out), "--force"]) == 0


def test_export_policy_gives_the_best_policy(run_dir, tmp_path):
    """The run's file has its best policy; the checkpoint gets another, newer one."""
    content = load_checkpoint(latest_checkpoint(run_dir))
    newest = content["loop"]["learning"]["learner"]["policy"]
    newest += 1.0
    checkpoint = tmp_path / "step_0000000300.ckpt"
    save_checkpoint(checkpoint, content)
    assert export_policy.main([str(checkpoint), str(tmp_path / "best.onnx")]) == 0
    assert export_policy.main([str(checkpoint), str(tmp_path / "new.onnx"), "--newest"]) == 0
    (best, own, new) = (
        network_of(path)
        for path in (tmp_path / "best.onnx", run_dir / "policy.onnx", tmp_path / "new.onnx")
    )
    assert best == own
    assert new != own


def test_a_dither_changes_the_contract_and_no_weight(run_dir, tmp_path):
    paths = [tmp_path / f"{name}.onnx" for name in ("plain", "dithered", "converted", "again")]
    plain, dithered, converted, again = map(str, paths)
    assert export_policy.main([str(run_dir), plain]) == 0
    assert export_policy.main([str(run_dir), dithered, "--dither", "0.5"]) == 0
    assert export_policy.main([plain, converted, "--dither", "0.5"]) == 0
    assert export_policy.main([dithered, again, "--precision", "float64"]) == 0
    shares = [OnnxPolicy.load(path).contract.dither for path in paths]
    assert shares == [0.0, 0.5, 0.5, 0.5]
    assert network_of(plain) == network_of(dithered) == network_of(converted) == network_of(again)


def network_of(path):
    return [weights.SerializeToString() for weights in onnx.load(path).graph.initializer]


@pytest.mark.parametrize(
    ("tool", "arguments", "text"),
    [
        (evaluate, ["--policy", "/nowhere.onnx"], "/nowhere.onnx"),
        (evaluate, ["--policy", __file__], "ONNX"),
        (evaluate, ["--policy", "x.onnx", "--episodes", "0"], "at least one episode"),
        (
            export_policy,
            ["/nowhere", "never.onnx"],
            "export: expected a checkpoint, or a run folder that holds one, at /nowhere",
        ),
        (
            export_policy,
            ["{run}", "never.onnx", "--average", "/nowhere"],
            "error: --average: expected a",
        ),
        (export_policy, ["{run}", "never.onnx", "--dither", "1"], "dither: expected 0 or more"),
        (export_policy, ["x.onnx", "y.onnx", "--stamp", "--dither", "0.5"], "--stamp writes the"),
        (train, ["--resume", "/nowhere"], "/nowhere"),
        (train, ["--preset", "quick"], "fast, paper, gym"),
        (train, ["--set", "bach_size=3"], "batch_size"),
        (train, ["--set", "workers=100000"], "1024"),
        (train, ["--run-dir", "/"], "holds something"),
        (train, ["--run-dir", "{tmp}/file"], "file (File exists); choose another"),
        (train, ["--run-dir", "{tmp}/file/run"], "run (Not a directory); choose another"),
        (train, ["--run-dir", "/proc/nowhere/run"], "/proc/nowhere/run (No such file"),
        (train, ["--resume", "{run}", "--preset", "nowhere.yaml"], "has its own configuration"),
        (train, ["--resume", "{run}", "--run-dir", "{tmp}"], "holds something; choose another"),
        (train, ["--resume", "{run}", "--run-dir", "{tmp}/file"], "choose another"),
        (export_policy, ["{run}", "{tmp}/file/policy.onnx"], "file/policy.onnx (File exists)"),
        (export_policy, ["{run}", "{tmp}", "--force"], "Is a directory"),
        (train, ["--demos", "/nowhere", "--run-dir", "{tmp}/r"], "/nowhere"),
    ],
)
def test_a_users_mistake_is_one_line_on_standard_error(
    tool, arguments, text, run_dir, tmp_path, capsys
):
    (tmp_path / "file").write_text("mine")
    assert tool.main([part.format(tmp=tmp_path, run=run_dir) for part in arguments]) == 1
    captured = capsys.readouterr()
    (line,) = captured.err.strip().splitlines()
    assert line.startswith("error: ")
    assert text in line


def test_what_a_resumed_run_cannot_change_is_refused(run_dir, capsys):
    assert train.main(["--resume", str(run_dir), "--set", "hidden=[9]"]) == 1
    assert "hidden cannot change" in capsys.readouterr().err


def test_a_run_without_a_whole_checkpoint_is_refused(run_dir, tmp_path, capsys):
    folder = tmp_path / "run"
    shutil.copytree(run_dir, folder)
    path = latest_checkpoint(folder)
    for other in set(path.parent.iterdir()) - {path}:  # of a slow run, which has taken two
        other.unlink()
    path.write_bytes(path.read_bytes()[:-10])
    for source in (folder, path):
        assert train.main(["--resume", str(source)]) == 1
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert line.startswith("error: ")
        assert path.name in line
        assert "start a new run" in line


def wait_for(predicate, timeout_s=60.0):
    deadline = time.monotonic() + timeout_s
    while not predicate():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def start(*arguments):
    command = [sys.executable, "-m", "der_ros.cli.train", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@contextlib.contextmanager
def ended(process):
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_killed_and_resumed_and_stopped(tmp_path):
    (tmp_path / "small.yaml").write_text(PRESET.replace("max_env_steps: 300", "max_env_steps: 0"))
    run_dir = tmp_path / "run"
    saved = run_dir / "checkpoints"
    with ended(start("--preset", tmp_path / "small.yaml", "--run-dir", run_dir)) as process:
        wait_for(lambda: list(saved.glob("step_*.ckpt")))
        process.send_signal(signal.SIGKILL)
        process.wait()
    reached = max(int(path.stem.split("_")[1]) for path in saved.glob("step_*.ckpt"))
    with ended(start("--resume", run_dir)) as process:
        wait_for(
            lambda: max(path.stem for path in saved.glob("step_*.ckpt")) > f"step_{reached:010}"
        )
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=20.0)
    assert process.returncode == 0, output
    assert "Traceback" not in output
    assert "was stopped" in output
    assert OnnxPolicy.load(run_dir / "policy.onnx")


def test_a_lack_of_memory_of_torch_is_one_line(capsys):
    def body():
        raise RuntimeError("[enforce fail]\nDefaultCPUAllocator: can't allocate memory: 8 TB")

    assert run_tool(body) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: the memory is full ([enforce fail] DefaultCPUAllocator")
    with pytest.raises(RuntimeError, match="another"):
        run_tool(lambda: (_ for _ in ()).throw(RuntimeError("another")))
