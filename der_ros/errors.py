"""Exceptions raised by this package.

Each one also derives from the matching built-in exception, so that ``except ValueError`` works
without knowing this package. Messages say what was expected, what was received, and what to do.
"""


class DerRosError(Exception):
    """Base class of all exceptions that this package raises on purpose.

    Its text is one line: a message may repeat a part of a file or the name of one, whose line ends
    and control characters would forge lines of a log or move a terminal's cursor.
    """

    def __str__(self) -> str:
        """Return the message with characters that cannot be printed as escape sequences."""
        return printable(super().__str__())


def printable(text: str) -> str:
    """Return a text with its control and other unprintable characters as escape sequences."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in text
    )


def described(error: BaseException) -> str:
    """Return the type and the text of any error in one line, such as ``ValueError: too long``."""
    name, text = type(error).__name__, printable(str(error))
    return f"{name}: {text}" if text else name


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
