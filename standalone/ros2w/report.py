"""Messages of the wrapper; all of them go to standard error."""

import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

SHOWN_MEGABYTES = 10.0
HEARTBEAT_S = 30.0


class SetupError(Exception):
    """Error of the setup; the message is one sentence that names what is missing."""


def say(message: str) -> None:
    """Print one message of the wrapper."""
    clear()
    print(f"ros2w: {message}", file=sys.stderr, flush=True)


def clear() -> None:
    """Remove a temporary message from the terminal."""
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def passing(message: str) -> None:
    """Show a temporary message until the next one; does nothing without a terminal."""
    if sys.stderr.isatty():
        print(f"\r\033[Kros2w: {message[:100]}", end="", file=sys.stderr, flush=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Print the start of a step, a line every `HEARTBEAT_S` seconds, and its duration."""
    say(f"{what} ...")
    began_s = time.monotonic()
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(HEARTBEAT_S):
            say(f"  still {what}: {time.monotonic() - began_s:.0f} s so far")

    heart = threading.Thread(target=beat, daemon=True)
    heart.start()
    try:
        yield
    finally:
        ended.set()
        heart.join()
    say(f"{what}: done in {time.monotonic() - began_s:.0f} s")


def pip_progress() -> Callable[[str], None]:
    """Return a listener that prints progress messages from pip's lines."""

    def listen(line: str) -> None:
        download = re.match(r"\s*Downloading (\S+?)(?:-[^-]*)* \(([\d.]+) ([kMG])B", line)
        if download:
            name, number, unit = download.groups()
            size_mb = float(number) * {"k": 1e-3, "M": 1.0, "G": 1e3}[unit]
            show = say if size_mb >= SHOWN_MEGABYTES else passing
            show(f"  downloading {name.rsplit('/', 1)[-1]} ({size_mb:.0f} MB)")
        elif line.startswith("Collecting "):
            passing(f"  looking for {line.split()[1]}")
        elif building := re.match(r"\s*Building wheel for (\S+) .*started", line):
            say(f"  building {building[1]}")
        elif line.startswith("Installing collected packages:"):
            say(f"  unpacking {line.count(',') + 1} packages")

    return listen


# Patterns in the output of a failed pip, and the sentence for the user; the first match counts.
CAUSES = (
    (
        r"THESE PACKAGES DO NOT MATCH THE HASHES",
        "a downloaded package does not match its hash in requirements/locks, and was not "
        "installed. Try again; if the error remains, ask the administrator of your package index",
    ),
    (r"No space left on device|Errno 28|Disk quota", "the disk is full"),
    (
        r"Temporary failure in name resolution|Name or service not known|Network is unreachable"
        r"|NewConnectionError|Connection refused|ConnectTimeout|ReadTimeout|ProxyError"
        r"|nodename nor servname",
        "the server cannot be reached: check the network and the proxy settings",
    ),
    (
        r"x86_64-linux-gnu-g(cc|\+\+).*not found"
        r"|command '(gcc|g\+\+|cc|c\+\+|clang)' failed: No such"
        r"|unable to execute '(gcc|g\+\+|cc|c\+\+)'",
        "a C++ compiler is missing: `apt install build-essential`",
    ),
    (
        r"Python\.h: No such file",
        "Python's header files are missing: `apt install python3-dev`",
    ),
    (
        r"Could not find a version that satisfies the requirement (?P<name>\S+)",
        "the package index has no fitting {name}: check the network, and that this is Linux on "
        "x86-64 with CPython 3.10 to 3.13",
    ),
)


def cause_of_failure(log: Path) -> str:
    """Return one sentence with the cause of pip's failure, from its log."""
    text = log.read_text(errors="replace")
    for pattern, sentence in CAUSES:
        found = re.search(pattern, text)
        if found:
            return sentence.format(**found.groupdict())
    errors = [line.strip() for line in text.splitlines() if "error" in line.lower()]
    return errors[-1] if errors else "pip gave no reason"
