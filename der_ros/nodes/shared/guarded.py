"""Service callbacks that answer every request, also one that they cannot handle."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from rcl_interfaces.msg import SetParametersResult

logger = logging.getLogger(__name__)


def guarded(name: str, callback: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Return a callback that refuses a request for which ``callback`` raises an exception.

    An exception would end the node's executor. rclpy's parameter services raise ``ValueError`` for
    a value of an unknown type, which any node can send.

    Args:
        name: Name of the service, for the log.
        callback: Callback of rclpy with request and response.
    """

    def answer(request: Any, response: Any) -> Any:
        try:
            return callback(request, response)
        except Exception as error:
            unexpected = None if isinstance(error, ValueError) else error
            logger.error("%s: a call was refused: %s", name, error, exc_info=unexpected)
            return _refused(request, response, f"{type(error).__name__}: {error}")

    return answer


def _refused(request: Any, response: Any, reason: str) -> Any:
    """Return the response with the refusal, as far as its type can express one."""
    refusal = SetParametersResult(successful=False, reason=reason)
    if hasattr(response, "results") and hasattr(request, "parameters"):
        missing = len(request.parameters) - len(response.results)
        response.results = [*response.results, *[refusal] * missing]
    elif isinstance(getattr(response, "result", None), SetParametersResult):
        response.result = refusal
    if hasattr(response, "success"):
        response.success = False
    if hasattr(response, "message"):
        response.message = reason
    return response
