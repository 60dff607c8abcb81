"""ROS domains and ports that no other process of this or another test run uses."""

import fcntl
import gc
import itertools
import os
import socket
import tempfile
from functools import cache
from pathlib import Path

# Domains 1 to 100 avoid the ports of ordinary programs; 0 is the default domain of others.
BLOCKS, DOMAINS_OF_A_BLOCK = 10, 10
# Linux gives a socket that asks for any port one below these.
FIRST_PORT, PORTS_OF_A_BLOCK = 61_000, 400


class Block:
    """Ten ROS domains and 400 ports.

    Args:
        number: Number of the block, from 0.

    Attributes:
        domain: Domain of all tests that do not take another.
    """

    def __init__(self, number):
        self.domain = 1 + DOMAINS_OF_A_BLOCK * number
        self._others = range(self.domain + 1, self.domain + DOMAINS_OF_A_BLOCK)
        self._next_domain = itertools.cycle(self._others)
        first = FIRST_PORT + PORTS_OF_A_BLOCK * number
        self._next_port = itertools.cycle(range(first, first + PORTS_OF_A_BLOCK))

    def other_domain(self):
        """Return the domain of this block that was not used for longest."""
        domain = next(self._next_domain)
        if domain == self._others[0]:
            gc.collect()  # services of a lifecycle node live until then
        return domain

    def free_port(self, kind, address):
        """Return a port of this block that can be bound now."""
        for port in itertools.islice(self._next_port, PORTS_OF_A_BLOCK):
            with socket.socket(socket.AF_INET, kind) as probe:
                try:
                    probe.bind((address, port))
                except OSError:
                    continue
            return port
        raise RuntimeError(f"expected a free port of {address}, all of the block are in use")


@cache
def block():
    """Return the block of this process, which a locked file keeps from others."""
    for number in range(BLOCKS):
        path = Path(tempfile.gettempdir()) / f"der_ros_tests_{os.getuid()}_{number}.lock"
        lock = os.open(path, os.O_RDWR | os.O_CREAT)  # open until this process ends
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
        else:
            return Block(number)
    raise RuntimeError(f"expected at most {BLOCKS} processes that test nodes at the same time")


def free_port(kind=socket.SOCK_DGRAM, address="127.0.0.1"):
    """Return a free port that no other test takes."""
    return block().free_port(kind, address)
