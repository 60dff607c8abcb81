"""Cell checks of ``doctor``: addresses, ports, the sensor's web page and the policy."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from pathlib import Path

from der_ros.cli.health.computer_checks import Check, CheckLevel, examined
from der_ros.drivers.addresses import is_loopback
from der_ros.drivers.kuka.transport import address_towards, open_port
from der_ros.drivers.netft.box_filter import cutoff_hz, filter_in_words
from der_ros.drivers.netft.configuration import fetch_configuration
from der_ros.errors import ConfigurationError, DerRosError

LOOPBACK = "127.0.0.1"
PUBLISH_RATE_HZ = 250
"""RDT rate below which the sensor check warns, Hz."""

_ROUTES = Path("/proc/net/route")


def check_ports(robot_ip: str | None, rsi_port: int) -> Iterator[Check]:
    """Check that the UDP port to which the controller sends is free on this computer."""
    yield examined("ports", "rsi port", lambda: check_rsi_port(robot_ip or LOOPBACK, rsi_port))


def check_rsi_port(robot_ip: str, port: int) -> Check:
    """Check that the RSI port can be opened, by opening and closing it.

    Raises:
        DerRosError: There is no route to the robot, or the port is in use.
    """
    address = address_towards(robot_ip)
    open_port(address, port).close()
    return Check("ports", "rsi port", CheckLevel.OK, f"UDP {address}:{port} is free")


def check_network(robot_ip: str | None, sensor_ip: str | None, http_port: int) -> Iterator[Check]:
    """Check the routes to robot and sensor and the sensor's web page; None skips a device."""
    if robot_ip is not None:
        ip = robot_ip
        yield examined("network", "way to the robot", lambda: check_way("robot", ip))
    if sensor_ip is not None:
        box = sensor_ip
        yield examined("network", "way to the sensor", lambda: check_way("sensor", box))
        yield examined("network", "sensor", lambda: check_sensor(box, http_port))


def check_way(who: str, ip: str, routes: Path = _ROUTES) -> Check:
    """Check that ``ip`` is reached directly, not through a router. Sends nothing.

    Args:
        who: ``robot`` or ``sensor``.
        ip: IPv4 address of the device.
        routes: Routing table in the format of ``/proc/net/route``.

    Raises:
        ConfigurationError: ``ip`` is no IPv4 address.
        ConnectionFailedError: There is no route to ``ip``.
    """
    try:
        ipaddress.IPv4Address(ip)
    except ValueError as error:
        raise ConfigurationError(
            f"expected an IPv4 address, got '{ip}'; give --{who}-ip the {who}'s address"
        ) from error
    own = address_towards(ip)
    name = f"way to the {who}"
    through = None if own == ip or is_loopback(ip) else gateway_towards(ip, routes)
    if through is None:
        return Check("network", name, CheckLevel.OK, f"{ip} is reached directly from {own}")
    return Check(
        "network",
        name,
        CheckLevel.WARNING,
        f"{ip} is reached from {own} through a router, {through}",
        f"give the network card at the {who} an address in the {who}'s own network",
    )


def gateway_towards(ip: str, routes: Path = _ROUTES) -> str | None:
    """Return the gateway to ``ip`` from the kernel's routing table; None for a direct route."""
    destination = int(ipaddress.IPv4Address(ip))
    best, gateway = -1, 0
    for line in routes.read_text().splitlines()[1:] if routes.is_file() else ():
        fields = line.split()
        target, through, mask = (_address(fields[column]) for column in (1, 2, 7))
        if destination & mask == target and mask > best:
            best, gateway = mask, through
    return str(ipaddress.IPv4Address(gateway)) if gateway else None


def _address(text: str) -> int:
    """Parse an address of /proc/net/route: eight hexadecimal digits in host byte order."""
    number: int = struct.unpack("!I", struct.pack("=I", int(text, 16)))[0]
    return number


def check_sensor(ip: str, http_port: int) -> Check:
    """Check the sensor's configuration page; RDT must be on and fast enough.

    Requests no readings: the box has a single RDT stream, which may be in use.

    Raises:
        DerRosError: No device answers, or it does not answer as a Net F/T box.
    """
    box = fetch_configuration(ip, http_port)
    described = (
        f"{box.product_name or 'a Net F/T box'}: {box.force_unit}, {box.torque_unit}, "
        f"{box.rdt_rate_hz} Hz"
    )
    if not box.rdt_enabled:
        return Check(
            "network",
            "sensor",
            CheckLevel.PROBLEM,
            f"{described}, but RDT is switched off",
            f"switch RDT on in the box's page of communication settings, http://{ip}:{http_port}/",
        )
    if 0 < box.rdt_rate_hz < PUBLISH_RATE_HZ:
        return Check(
            "network",
            "sensor",
            CheckLevel.WARNING,
            f"{described}, less than {PUBLISH_RATE_HZ} Hz",
            "set ft_bridge's parameter rdt_rate_hz, for example to 1000",
        )
    return Check("network", "sensor", CheckLevel.OK, described)


def check_filter(
    sensor: tuple[str, int], path: Path | None, task: str, requested: int, timeout_s: float = 2.0
) -> Iterator[Check]:
    """Compare the sensor's low-pass filter with the filter of the policy's training.

    Yields nothing if the sensor's page or the policy cannot be read; other checks report that.

    Args:
        sensor: Address and HTTP port of the sensor.
        path: Policy file; None for the shipped one.
        task: Name of the task.
        requested: Number of the box filter that ft_bridge sets, parameter ``box_filter``; -1 for
            none.
        timeout_s: Timeout of the HTTP request, s.
    """
    from der_ros.policy.runtime import OnnxPolicy
    from der_ros.policy.shipped import shipped_policy

    try:
        policy = OnnxPolicy.load(path or shipped_policy(task), task)
        box = fetch_configuration(*sensor, timeout_s)
    except DerRosError:
        return
    number = requested if requested >= 0 else box.user_filter
    yield compare_filters(cutoff_hz(box, number), policy.contract.sensor_filter_hz)


def compare_filters(current_hz: float | None, trained_hz: float) -> Check:
    """Return the check of the sensor's low-pass filter against that of the training.

    Args:
        current_hz: Cut-off frequency of the sensor's filter, Hz; 0 without a filter, None if
            unknown.
        trained_hz: Cut-off frequency in the policy's contract, Hz; 0 without a filter.
    """
    current, trained = filter_in_words(current_hz), filter_in_words(trained_hz)
    if current_hz == trained_hz:
        return Check("network", "sensor filter", CheckLevel.OK, f"{current}, as in training")
    return Check(
        "network",
        "sensor filter",
        CheckLevel.WARNING,
        f"the box's low-pass filter is {current}, the policy was trained with {trained}",
        "set it on the box's Settings page, or by ft_bridge's parameter box_filter; or train with "
        "the environment's option sensor_filter_hz",
    )


def check_policy(path: Path | None, task: str) -> Iterator[Check]:
    """Check that the policy file loads and fits the task."""
    yield examined("policy", "file", lambda: _check_policy(path, task))


def _check_policy(path: Path | None, task: str) -> Check:
    # Imported here: the other checks must work without onnxruntime.
    from der_ros.policy.runtime import OnnxPolicy
    from der_ros.policy.shipped import shipped_policy

    try:
        policy = OnnxPolicy.load(path or shipped_policy(task), task)
    except DerRosError as error:
        advice = "give --policy a file that training or export_policy wrote, or another --task"
        return Check("policy", "file", CheckLevel.PROBLEM, str(error), advice)
    contract = policy.contract
    described = (
        f"{policy.path} for {contract.task}, every {contract.control_dt_s:g} s, "
        f"sha256 {policy.sha256}"
    )
    return Check("policy", "file", CheckLevel.OK, described)
