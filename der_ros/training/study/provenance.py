"""Origin of a run's figures: commit, machine, versions."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

_FOLDER = Path(__file__).resolve().parent
_RESULTS = "benchmarks/results"
_PACKAGES = ("numpy", "torch", "pybullet", "gymnasium")


def provenance() -> dict[str, object]:
    """Return the commit of the code, the machine, and the versions of Python and main packages."""
    return {"commit": _commit(), "machine": _machine(), "versions": _versions()}


def _commit() -> str:
    """Return the checkout's commit, with ``-dirty`` if a tracked file differs.

    The results of a study are left out, because each run changes them. Without git it is
    ``unknown``.
    """
    commit = _git("rev-parse", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ":/", f":!/{_RESULTS}")
    return "unknown" if commit is None else commit + ("-dirty" if changed else "")


def _git(*arguments: str) -> str | None:
    """Return the output of a git command in the package's folder; None if it fails."""
    command = ["git", "-C", str(_FOLDER), *arguments]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() if result.returncode == 0 else None


def _machine() -> dict[str, object]:
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {
        name: metadata.version(name) for name in _PACKAGES
    }
