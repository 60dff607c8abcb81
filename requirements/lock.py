"""Lock the lists of this folder: every package with its version and its files' hashes.

    ./ros2w exec pip install uv && ./ros2w exec python requirements/lock.py

Each lock in `locks/` holds the packages that its list needs in addition to the locks before it. One
installation uses `build`, a `ros-…` and all levels up to the wanted one. All locks have the same
versions, so adding a level to an environment changes none of its packages. `uv` stands alone.
"""

import re
import subprocess
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
CHAIN = ("build", "robot", "sim", "train", "docs", "dev")
ROS = ("ros-jazzy", "ros-kilted")
# torch has its own list without hashes, and installs what its build for GPUs needs.
UNLOCKED = re.compile(r"(torch|triton|nvidia-.*|cuda-.*)==")
HEADER = "# Made by requirements/lock.py from the lists in requirements/; do not edit.\n"


def resolve(names: list[str], common: Path | None = None) -> list[str]:
    """Return the entries that some lists need together, each a requirement with its hashes."""
    command = ["uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.10"]
    command += ["--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url"]
    command += ["--no-emit-find-links", *(["--constraint", str(common)] if common else [])]
    command += [str(FOLDER / f"{name}.txt") for name in names]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    entries = re.findall(r"^\S.*(?:\n .*)*", text, re.MULTILINE)
    return [entry for entry in entries if not UNLOCKED.match(entry)]


def write(name: str, entries: list[str]) -> None:
    """Write one lock."""
    (FOLDER / "locks" / f"{name}.txt").write_text(HEADER + "".join(f"{e}\n" for e in entries))


def main() -> None:
    """Write all locks."""
    (FOLDER / "locks").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        common = Path(scratch) / "common.txt"
        everything = resolve(["build", "ros-jazzy", "dev"])
        common.write_text(
            "".join(
                entry.split(" \\")[0] + "\n" for entry in everything if not entry.startswith("ros-")
            )
        )
        known: list[str] = []
        for name in CHAIN:
            new = [e for e in resolve(["build", name], common) if e not in known]
            write(name, new)
            known += new
            if name == "robot":
                for ros in ROS:
                    needed = resolve(["build", "robot", ros], common)
                    write(ros, [entry for entry in needed if entry not in known])
    write("uv", resolve(["uv"]))


if __name__ == "__main__":
    main()
