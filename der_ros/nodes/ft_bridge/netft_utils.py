"""Topics and services of netft_utils: transformed wrenches, ``cancel``, bias, payload and filter.

If the package ``netft_interfaces`` is installed, the services have its types. Otherwise only
``bias`` exists, as a Trigger. Deliberate deviations from netft_utils: a wrench in world axes is
published only while the orientation is fresh; ``cancel`` stays true while a limit is exceeded;
``gravity_comp`` with false switches compensation off; clearing the bias restores the limits
without a bias; a bias inside the box cannot be cleared.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from geometry_msgs.msg import WrenchStamped
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from der_ros.control.frame_names import TCP_FRAME
from der_ros.drivers.netft.conditioning import (
    ConditionedWrench,
    FilterChoice,
    ForceLimits,
    WrenchConditioner,
    at_tool,
    dead_band,
    in_world_axes,
)
from der_ros.drivers.netft.payload import (
    STANDARD_GRAVITY_MPS2,
    Payload,
    payload_from_one_reading,
)
from der_ros.errors import ConfigurationError, DerRosError
from der_ros.geometry import Pose, Wrench
from der_ros.nodes.ft_bridge.bias_guard import BiasGuard
from der_ros.nodes.ft_bridge.parameters import declare_limits
from der_ros.nodes.shared.conversions import wrench_from_message, wrench_to_message
from der_ros.nodes.shared.node_process import ShellNode
from der_ros.nodes.shared.qos import RELIABLE_READINGS

_MIN_LIMIT = 1e-4
"""Smallest limit accepted from a request; a smaller value keeps the current limit."""


def interfaces(kind: str) -> Any:
    """Return the module ``netft_interfaces.<kind>`` (msg or srv); None if not installed."""
    try:
        return importlib.import_module(f"netft_interfaces.{kind}")
    except ImportError:
        return None


class NetftUtils:
    """Topics and services of netft_utils, as part of ``ft_bridge``.

    Args:
        node: Node ``ft_bridge``.
        path: Conditioner of the readings.
        tool_from_sensor: Pose of the sensor in the tool frame.
        max_age_s: Largest age of a reading that a service uses, s.
        guard: Guard that allows or refuses a change of the bias.
        take_bias: Function that takes a bias, in the box or in the node, if the guard allows it.

    Attributes:
        biased_elsewhere: True if the bias is inside the box.
        exceeded: True while a limit is exceeded.
        times_exceeded: Number of times that a limit was exceeded.
    """

    def __init__(
        self,
        node: ShellNode,
        path: WrenchConditioner,
        tool_from_sensor: Pose,
        max_age_s: float,
        guard: BiasGuard,
        take_bias: Callable[[], str],
    ) -> None:
        self._guard, self._take_bias = guard, take_bias
        self._node, self._path, self._max_age_s = node, path, max_age_s
        self._tool_from_sensor = tool_from_sensor
        self._limits, self._biased_limits, self._dead_band = declare_limits(node)
        self._weight_bias = Wrench.zero()
        self._newest: ConditionedWrench | None = None
        self.biased_elsewhere = False
        self.exceeded = False
        self.times_exceeded = 0
        self._topics = {
            name: node.create_publisher(WrenchStamped, name, RELIABLE_READINGS)
            for name in ("raw_world", "transformed_world", "transformed_tool")
        }
        messages = interfaces("msg")
        self._cancel_type = Bool if messages is None else messages.Cancel
        self._cancel = node.create_publisher(self._cancel_type, "cancel", RELIABLE_READINGS)

    @property
    def wants_world(self) -> bool:
        """True if ``raw_world`` or ``transformed_world`` has a subscriber."""
        return self._wanted("raw_world") or self._wanted("transformed_world")

    @property
    def biased(self) -> bool:
        """True if the sensor is biased, so that the limits with a bias apply."""
        return self._path.biased or self.biased_elsewhere

    def publish(self, taken: ConditionedWrench, world_frame: str, stamp: Any) -> None:
        """Publish the topics that have subscribers, and ``cancel`` on change."""
        self._newest = taken
        self._check_limits(taken.measured)
        if self._wanted("transformed_tool"):
            self._send(
                "transformed_tool",
                at_tool(taken.measured, self._tool_from_sensor),
                TCP_FRAME,
                stamp,
            )
        world_from_sensor = taken.world_from_sensor
        if world_from_sensor is None:
            return
        if self._wanted("raw_world"):
            raw = in_world_axes(taken.raw, world_from_sensor)
            self._topics["raw_world"].publish(wrench_to_message(raw, world_frame, stamp))
        if self._wanted("transformed_world"):
            measured = in_world_axes(taken.measured, world_from_sensor)
            self._send("transformed_world", measured, world_frame, stamp)

    def repeat_cancel(self) -> None:
        """Publish ``cancel`` again while a limit is exceeded, for late subscribers."""
        if self.exceeded:
            self._publish_cancel()

    def _wanted(self, topic: str) -> bool:
        return bool(self._topics[topic].get_subscription_count() > 0)

    def _send(self, topic: str, wrench: Wrench, frame: str, stamp: Any) -> None:
        quiet = dead_band(wrench, self._dead_band)
        self._topics[topic].publish(wrench_to_message(quiet, frame, stamp))

    def _check_limits(self, measured: Wrench) -> None:
        limits = self._biased_limits if self.biased else self._limits
        exceeded = limits.exceeded_by(measured)
        if exceeded != self.exceeded:
            self.exceeded = exceeded
            self.times_exceeded += exceeded
            self._publish_cancel()

    def _publish_cancel(self) -> None:
        message = self._cancel_type()
        setattr(message, "data" if self._cancel_type is Bool else "cancel", self.exceeded)
        self._cancel.publish(message)

    def create_services(self, trigger_bias: Any) -> None:
        """Create the services whose types are installed.

        Args:
            trigger_bias: Callback of ``bias`` as a Trigger, used without ``netft_interfaces``.
        """
        services = interfaces("srv")
        if services is None:
            self._node.create_service(Trigger, "bias", trigger_bias)
            return
        for name, type_name, callback in (
            ("bias", "SetBias", self.on_bias),
            ("gravity_comp", "SetBias", self.on_gravity_comp),
            ("set_weight_bias", "SetBias", self.on_weight_bias),
            ("set_max_values", "SetMax", self.on_max_values),
            ("set_threshold", "SetThreshold", self.on_threshold),
            ("set_tool_data", "SetToolData", self.on_tool_data),
            ("get_weight", "GetDouble", self.on_get_weight),
            ("filter", "SetFilter", self.on_filter),
        ):
            # Some releases of netft_interfaces lack some types.
            if hasattr(services, type_name):
                self._node.create_service(getattr(services, type_name), name, callback)

    def on_bias(self, request: Any, response: Any) -> Any:
        """Handle SetBias: true takes a bias and sets its limits; false clears the bias."""
        response.success = self._try("bias", lambda: self._bias(request))
        return response

    def _bias(self, request: Any) -> None:
        if request.bias:
            self._take_bias()
            self._biased_limits = _replaced(self._biased_limits, request)
            return
        self._guard.check()
        if self.biased_elsewhere:
            raise ConfigurationError(
                "expected true with bias_in_box, got false: no command of RDT clears the bias of "
                "the box; clear it on the box's page"
            )
        self._path.clear_bias()

    def on_gravity_comp(self, request: Any, response: Any) -> Any:
        """Handle SetBias: true sets the payload from one reading; false clears the payload."""
        response.success = self._try("gravity_comp", lambda: self._gravity_comp(request))
        return response

    def _gravity_comp(self, request: Any) -> None:
        self._guard.check_attempt("gravity_comp")
        if not request.bias:
            self._path.set_payload(Payload())
            return
        if self.biased:
            raise ConfigurationError(
                "expected a sensor without a bias, which hides the weight; call bias with false"
            )
        if self._path.payload.mass_kg > 0.0:
            raise ConfigurationError("the weight is compensated already; call with false first")
        reading = self._path.mean(time.monotonic(), self._max_age_s)
        self._path.set_payload(payload_from_one_reading(reading, STANDARD_GRAVITY_MPS2))

    def on_tool_data(self, request: Any, response: Any) -> Any:
        """Handle SetToolData: set payload mass (kg) and centre of mass along sensor z (m)."""
        center = np.array((0.0, 0.0, request.com))
        response.success = self._try(
            "set_tool_data", lambda: self._set_tool(Payload(request.mass, center))
        )
        return response

    def _set_tool(self, payload: Payload) -> None:
        self._guard.check_attempt("set_tool_data")
        self._path.set_payload(payload)

    def on_weight_bias(self, request: Any, response: Any) -> Any:
        """Handle SetBias: true zeroes ``get_weight`` at the current load; false clears the zero."""
        response.success = self._try(
            "set_weight_bias", lambda: self._set_weight_bias(bool(request.bias))
        )
        return response

    def _set_weight_bias(self, biased: bool) -> None:
        self._guard.check("set_weight_bias")
        self._weight_bias = self._raw() if biased else Wrench.zero()

    def on_get_weight(self, _request: Any, response: Any) -> Any:
        """Handle GetDouble: load since ``set_weight_bias``, g; NaN without a fresh reading."""
        response.weight = float("nan")
        self._try("get_weight", lambda: self._weigh(response))
        return response

    def _weigh(self, response: Any) -> None:
        carried = self._raw() - self._weight_bias
        response.weight = 1000.0 * float(np.linalg.norm(carried.force)) / STANDARD_GRAVITY_MPS2

    def _raw(self) -> Wrench:
        if self._newest is None or time.monotonic() - self._path.taken_s > self._max_age_s:
            raise ConfigurationError("expected a fresh reading, got none; wait for netft_ready")
        return self._newest.raw

    def on_max_values(self, request: Any, response: Any) -> Any:
        """Handle SetMax: set the limits without a bias; 0 keeps the current limit."""
        self._limits = _replaced(self._limits, request)
        response.success = True
        return response

    def on_threshold(self, request: Any, response: Any) -> Any:
        """Handle SetThreshold: set the dead band, N and Nm."""
        widths = np.abs(wrench_from_message(request.data).to_array())
        response.success = bool(np.isfinite(widths).all())
        if response.success:
            self._dead_band = widths
        return response

    def on_filter(self, request: Any, response: Any) -> Any:
        """Handle SetFilter: set a second-order low-pass; the sensor's own rate replaces ``t``."""
        choice = FilterChoice(2, float(request.cutoff_frequency) if request.filter else 0.0)
        self._try("filter", lambda: self._path.set_filter(choice))
        return response

    def _try(self, what: str, action: Callable[[], object]) -> bool:
        """Run ``action``; return False and log the reason if it fails."""
        try:
            action()
        except DerRosError as error:
            self._node.get_logger().error(f"{what}: {error}")
            return False
        return True


def _replaced(limits: ForceLimits, request: Any) -> ForceLimits:
    """Return the requested limits; a value below ``_MIN_LIMIT`` keeps the current one."""
    return ForceLimits(
        request.force if request.force >= _MIN_LIMIT else limits.force_n,
        request.torque if request.torque >= _MIN_LIMIT else limits.torque_nm,
    )
