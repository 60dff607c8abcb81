"""`ros2 service call`: one call of a service."""

from __future__ import annotations

import argparse
import importlib
import os
import re
from typing import Any

import yaml

from der_ros_standalone import log
from der_ros_standalone.errors import LaunchError

_TYPE = re.compile(r"(\w+)/(?:srv/)?(\w+)")
_PLAIN = (bool, int, float, str)
_WAIT_S, _LOOK_S = 1.0, 0.2


def run_service(words: list[str]) -> int:
    """Run `ros2 service call`, and return the exit status.

    Args:
        words: Command line after `ros2 service`.

    Raises:
        LaunchError: There is no such service type, or the request does not fit it.
    """
    parser = argparse.ArgumentParser("ros2 service", description="Call a service.")
    verbs = parser.add_subparsers(required=True, metavar="call", dest="verb", help="call a service")
    call = verbs.add_parser("call", description="Call a service and print its response.")
    call.add_argument("service_name", help="name of the service")
    call.add_argument("service_type", help="its type, such as std_srvs/srv/Trigger")
    call.add_argument("values", nargs="?", default="{}", help="the request in YAML (default: {})")
    options = parser.parse_args(words)
    service = _service_class(options.service_type)
    request = service.Request()
    _fill(request, _request(options.values))
    log.line(f"response:\n{_response(options.service_name, service, request)}")
    return 0


def _service_class(name: str) -> Any:
    """Return the Python class of a service type.

    Raises:
        LaunchError: The name is none of a service type, or the type is not installed.
    """
    match = _TYPE.fullmatch(name)
    if match is None:
        raise LaunchError(f"expected a service type like std_srvs/srv/Trigger, got {name!r}")
    os.environ.setdefault("ROS_PYTHON_CHECK_FIELDS", "1")  # of messages imported from now on
    try:
        return getattr(importlib.import_module(f"{match[1]}.srv"), match[2])
    except (ImportError, AttributeError) as error:
        raise LaunchError(f"the service type {name} is not installed") from error


def _request(text: str) -> dict[str, object]:
    """Return the values of a request by field.

    Raises:
        LaunchError: The text is no mapping in YAML.
    """
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise LaunchError(f"expected a request in YAML, got {text!r}") from error
    if not isinstance(values, dict):
        raise LaunchError(f"expected a request like '{{data: true}}', got {text!r}")
    return values


def _fill(message: Any, values: dict[str, object]) -> None:
    """Set the fields of a message.

    Raises:
        LaunchError: There is no such field, or it has another type.
    """
    known = message.get_fields_and_field_types()
    for name, value in values.items():
        if name not in known:
            fields = ", ".join(known) or "none"
            raise LaunchError(f"the request has no field {name!r}; its fields are: {fields}")
        part = getattr(message, name)
        if isinstance(value, dict) and hasattr(part, "get_fields_and_field_types"):
            _fill(part, value)
            continue
        # YAML reads 1 as a whole number; a field of floating-point numbers takes none.
        if isinstance(part, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        try:
            if isinstance(part, _PLAIN) and type(value) is not type(part):
                raise TypeError(f"expected {type(part).__name__}")
            setattr(message, name, value)
        except (AssertionError, TypeError, ValueError) as error:
            raise LaunchError(f"{name}: expected a {known[name]}, got {value!r}") from error


def _response(name: str, service: Any, request: Any) -> Any:
    """Call a service, once there is one of this name, and return its response."""
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    # Python's own handler ends a wait by Ctrl-C.
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = rclpy.create_node(f"service_call_{os.getpid()}", enable_rosout=False)
        client = node.create_client(service, name)
        while not client.wait_for_service(timeout_sec=_WAIT_S):
            log.line(f"waiting for the service {client.srv_name} ...")
        future = client.call_async(request)
        while not future.done():
            rclpy.spin_once(node, timeout_sec=_LOOK_S)
        return future.result()
    finally:
        rclpy.try_shutdown()
