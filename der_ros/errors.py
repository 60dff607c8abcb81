"""Errors that the package raises itself.

Each one is also the built-in error that a caller who does not know this package would expect, so
``except ValueError`` goes on working. A message says what was expected, what came, and what to do.
"""


class DerRosError(Exception):
    """Base of every error that this package raises on purpose."""


class ConfigurationError(DerRosError, ValueError):
    """A parameter, an argument or a configuration file is wrong."""


class ContractError(DerRosError, ValueError):
    """A policy file does not hold the contract that its user expects."""


class ProtocolError(DerRosError, ValueError):
    """Bytes from a socket are not what the wire protocol allows."""


class ConnectionFailedError(DerRosError, ConnectionError):
    """A device or controller cannot be reached, or a port cannot be opened."""


class BagError(DerRosError, ValueError):
    """A bag is missing, damaged, or lacks the topics that are needed."""


class CheckpointError(DerRosError, ValueError):
    """A checkpoint is missing, truncated, or belongs to another run."""


class DivergedError(DerRosError, ArithmeticError):
    """Training gave numbers that are not finite."""
