"""Exceptions raised by this package.

Each one also derives from the matching built-in exception, so that ``except ValueError`` works
without knowing this package. Messages say what was expected, what was received, and what to do.
"""


class DerRosError(Exception):
    """Base class of all exceptions that this package raises on purpose."""


class ConfigurationError(DerRosError, ValueError):
    """A parameter, argument or configuration file is invalid."""


class ContractError(DerRosError, ValueError):
    """A policy file does not have the expected contract."""


class ProtocolError(DerRosError, ValueError):
    """Bytes from a socket violate the wire protocol."""


class ConnectionFailedError(DerRosError, ConnectionError):
    """A device or controller cannot be reached, or a port cannot be opened."""


class BagError(DerRosError, ValueError):
    """A bag is missing, damaged, or lacks a required topic."""


class CheckpointError(DerRosError, ValueError):
    """A checkpoint is missing, truncated, or belongs to another run."""


class DivergedError(DerRosError, ArithmeticError):
    """Training produced numbers that are not finite."""
