"""Errors of the stand-in, and the refusal of names and arguments that it does not provide."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

ADVICE = "install ROS 2 Jazzy (https://docs.ros.org/en/jazzy/Installation.html) to use it"
OUR_FOLDER = Path(__file__).resolve().parents[1]


class LaunchError(RuntimeError):
    """Error in a launch file or in an argument to one."""


class UnsupportedError(LaunchError):
    """Use of something that only an installed ROS 2 provides."""


class SubstitutionFailure(LaunchError):  # noqa: N818 - the name that launch gives it
    """Error of a substitution that has no value in this context."""


def unsupported(name: str) -> UnsupportedError:
    """Return the error for the use of ``name``, which the stand-in does not provide."""
    return UnsupportedError(f"{name} is not supported by the stand-in for launch; {ADVICE}")


def refuse_attributes(module: str) -> Callable[[str], NoReturn]:
    """Return a module ``__getattr__`` that raises `UnsupportedError` for unknown names.

    Names with two leading underscores raise `AttributeError`: Python itself looks for those.
    """

    def refuse(name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        raise unsupported(f"{module}.{name}")

    return refuse


def refuse_keywords(owner: str, keywords: dict[str, object]) -> None:
    """Check that there are no keyword arguments left that the stand-in does not know.

    Raises:
        UnsupportedError: A keyword argument is unknown.
    """
    if keywords:
        names = ", ".join(f"{name}=" for name in sorted(keywords))
        raise unsupported(f"{owner}({names})")


def refuse_to_shadow(module: str) -> None:
    """Check that no installed ROS 2 provides ``module`` too.

    Raises:
        ImportError: Another package of that name is on the module search path, before or after
            the stand-in.
    """
    for entry in sys.path:
        init = Path(entry or ".") / module / "__init__.py"
        if init.is_file() and init.resolve().parents[1] != OUR_FOLDER:
            raise ImportError(
                f"the real {module!r} is installed at {init.parent}, and the stand-in must "
                "not take its place: use the `ros2` command of that installation, or uninstall "
                "the stand-in with `pip uninstall der-ros-standalone`"
            )
