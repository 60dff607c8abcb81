"""Runs a script as ``python SCRIPT ...`` does, with the tools' error handling.

An error of the user and Ctrl-C are one line and an exit code, without a traceback.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from der_ros.cli._tool import run_tool


def main() -> int:
    """Run the script that the first argument names, with the other arguments."""
    del sys.argv[0]
    sys.path[0] = str(Path(sys.argv[0]).resolve().parent)

    def run() -> int:
        runpy.run_path(sys.argv[0], run_name="__main__")
        return 0

    return run_tool(run)


if __name__ == "__main__":
    sys.exit(main())
