"""The errors of the stand-in, and how it refuses what it does not provide."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

ADVICE = "install ROS 2 Jazzy (https://docs.ros.org/en/jazzy/Installation.html) to use it"
OUR_FOLDER = Path(__file__).resolve().parents[1]


class LaunchError(RuntimeError):
    """A launch file, or an argument to one, is wrong; the message says how."""


class UnsupportedError(LaunchError):
    """A launch file wants something that only an installed ROS 2 provides."""


class SubstitutionFailure(LaunchError):  # noqa: N818 - the name that launch gives it
    """A substitution has no value in this context."""


def unsupported(what: str) -> UnsupportedError:
    """Return the error that refuses ``what`` by name."""
    return UnsupportedError(f"{what} is not supported by der_ros's stand-in for launch; {ADVICE}")


def refuse_attributes(module: str) -> Callable[[str], NoReturn]:
    """Return a module ``__getattr__`` that refuses unknown public names.

    Python itself probes modules for dunder names, so those stay ordinary attribute errors.
    """

    def refuse(name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        raise unsupported(f"{module}.{name}")

    return refuse


def refuse_keywords(owner: str, keywords: dict[str, object]) -> None:
    """Refuse keyword arguments that this stand-in does not know.

    Raises:
        UnsupportedError: if there is any.
    """
    if keywords:
        names = ", ".join(f"{name}=" for name in sorted(keywords))
        raise unsupported(f"{owner}({names})")


def refuse_to_shadow(module: str) -> None:
    """Make sure that no installed ROS 2 provides ``module`` too.

    Raises:
        ImportError: if another regular package of that name is on the module search path. Launch
            files belong to that one, whichever comes first.
    """
    for entry in sys.path:
        init = Path(entry or ".") / module / "__init__.py"
        if init.is_file() and init.resolve().parents[1] != OUR_FOLDER:
            raise ImportError(
                f"the real {module!r} is installed at {init.parent}, and der_ros's stand-in must "
                "not take its place: use the `ros2` command of that installation, or uninstall "
                "the stand-in with `pip uninstall der-ros-standalone`"
            )
