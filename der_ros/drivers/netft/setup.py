"""Settings of a box: requested before a stream, and read again while it runs."""

from __future__ import annotations

import dataclasses
import logging
import time

from der_ros.drivers.netft.configuration import (
    SensorConfiguration,
    fetch_configuration,
    request_filter,
    request_rate,
)
from der_ros.drivers.netft.netft_records import NetFtConfig
from der_ros.errors import ConfigurationError, DerRosError
from der_ros.threads import Startable, Worker

logger = logging.getLogger(__name__)


def configure(config: NetFtConfig) -> SensorConfiguration:
    """Request the desired settings and return the box's scale and settings.

    A scale given in ``config`` is used without any request to the box.

    Raises:
        ConnectionFailedError: There is no answer, or no complete document.
        ProtocolError: The document is not a configuration of a box.
        ConfigurationError: A unit is unknown, or RDT is disabled.
    """
    if config.configuration is not None:
        return config.configuration
    configuration = _fetch(config)
    if config.rate_hz and configuration.rdt_rate_hz != config.rate_hz:
        request_rate(config.sensor_ip, config.http_port, config.rate_hz, config.http_timeout_s)
        configuration = _fetch(config)
        _compare("Hz", config.rate_hz, configuration.rdt_rate_hz, "it rounds to a divisor of 7000")
    if config.user_filter >= 0 and configuration.user_filter != config.user_filter:
        request_filter(
            config.sensor_ip, config.http_port, config.user_filter, config.http_timeout_s
        )
        configuration = _fetch(config)
        _compare(
            "as its filter", config.user_filter, configuration.user_filter, "see its Settings page"
        )
    if not configuration.rdt_enabled:
        raise ConfigurationError(
            "Net F/T box: expected RDT to be enabled, got disabled (comrdte); enable it on the "
            "box's Communications page"
        )
    return configuration


def _fetch(config: NetFtConfig) -> SensorConfiguration:
    return fetch_configuration(config.sensor_ip, config.http_port, config.http_timeout_s)


def _compare(what: str, requested: int, current: int, hint: str) -> None:
    if current != requested:
        logger.warning(
            "Net F/T box: asked for %d %s, it has %d (%s)", requested, what, current, hint
        )


class ConfigurationWatch(Startable):
    """Periodic check that the box still has the scale that its stream is decoded with.

    A record does not contain its unit, so a change on the box's page changes the meaning of every
    number. A changed low-pass filter is only recorded. The first check is immediate, because the
    configuration may have changed while it was read. It is a context manager with its own thread,
    because HTTP may be slow. ``overdue`` uses the caller's clock, so it also detects a thread that
    hangs or has ended.

    Attributes:
        user_filter: Number of the box's low-pass filter when last read.
    """

    def __init__(self, config: NetFtConfig, scale: SensorConfiguration) -> None:
        self._config, self._scale = config, scale
        self._watches = config.recheck_s > 0.0 and config.configuration is None
        self._worker = Worker("netft-watch", self._watch, finite=True)
        self._change = self._failure = ""
        self.user_filter = scale.user_filter
        self._seen_s = time.monotonic()

    def start(self) -> None:
        """Start the thread if the scale was read from the box."""
        if self._watches:
            self._worker.start()

    def stop(self) -> None:
        """Stop the thread, without waiting for a pending answer."""
        self._worker.stopping.set()

    def raise_if_changed(self) -> None:
        """Raise ConfigurationError once the box has another scale."""
        if self._change:
            raise ConfigurationError(
                f"Net F/T box: its configuration changed while it streamed ({self._change}); "
                "readings since then were scaled wrongly; the stream starts again"
            )

    def overdue(self) -> str:
        """Return the reason why the scale is no longer trusted; empty while checks succeed."""
        config, age_s = self._config, time.monotonic() - self._seen_s
        if not self._watches or config.recheck_periods == 0:
            return ""
        if age_s <= config.recheck_periods * config.recheck_s + config.http_timeout_s:
            return ""
        why = self._worker.failure or self._failure or "no answer yet"
        return (
            f"the box's scale was last confirmed {age_s:.1f} s ago, expected every "
            f"{config.recheck_s:g} s (recheck_s, recheck_periods): {why}"
        )

    def _watch(self) -> None:
        while not self._worker.stopping.is_set() and not self._change:
            self._change = self._check_once()
            self._worker.stopping.wait(self._config.recheck_s)

    def _check_once(self) -> str:
        """Return a description of the change, or empty; a bad answer does not end the thread."""
        try:
            found = _fetch(self._config)
            self.user_filter = found.user_filter
            change = _difference(self._scale, found)
        except ConfigurationError as error:  # unknown unit
            return str(error)
        except Exception as error:
            self._failed(error)
            return ""
        self._failure, self._seen_s = "", time.monotonic()
        return change

    def _failed(self, error: Exception) -> None:
        """Keep the reason for ``overdue``, and log the first of several in a row."""
        if not self._failure:
            logger.warning("Net F/T box: the check of its configuration failed: %s", error)
        self._failure = str(error) if isinstance(error, DerRosError) else repr(error)


def _difference(old: SensorConfiguration, new: SensorConfiguration) -> str:
    """Return a description of all changes except that of the filter; empty if there are none."""
    new = dataclasses.replace(new, user_filter=old.user_filter)
    pairs = zip(dataclasses.asdict(old).items(), dataclasses.asdict(new).values(), strict=True)
    return ", ".join([f"{name}: {was} -> {now}" for (name, was), now in pairs if was != now])
