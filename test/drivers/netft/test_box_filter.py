"""The low-pass filter of a Net F/T box: simulated, set on its page, monitored."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from netft_rig import SENSOR, TRUTH, connected, state
from waiting import until

from der_ros.drivers.netft.box_filter import (
    CUTOFFS_HZ,
    INTERNAL_RATE_HZ,
    FilterWatch,
    SimulatedFilter,
    cutoff_hz,
    is_slower,
)
from der_ros.drivers.netft.configuration import SensorConfiguration, request_filter
from der_ros.drivers.netft.netft_records import ClientState
from der_ros.drivers.netft.simulated_box import SimulatedBoxConfig
from der_ros.errors import ConfigurationError, ConnectionFailedError
from der_ros.geometry import Wrench

NET_BOX = SensorConfiguration(product_name="NETB", user_filter=5)


def gain(number, frequency_hz, samples_a_record=1):
    """Return the amplitude of a filtered sine, over whole periods after settling."""
    phases = iter(range(10**9))

    def sine():
        angle = 2.0 * math.pi * frequency_hz * next(phases) / INTERNAL_RATE_HZ
        return Wrench(np.full(3, math.sin(angle)), np.zeros(3))

    box = SimulatedFilter(sine)
    settling = 0 if CUTOFFS_HZ[number] == 0 else 5 * INTERNAL_RATE_HZ // CUTOFFS_HZ[number]
    window = INTERNAL_RATE_HZ
    records = [
        box.reading(number, samples_a_record)[0]
        for _ in range((settling + window) // samples_a_record)
    ]
    return math.sqrt(2.0) * float(np.std(records[-(window // samples_a_record) :]))


@pytest.mark.parametrize("number", [3, 4, 5, 6])
def test_a_sine_at_the_cutoff_passes_with_0_707(number):
    assert gain(number, CUTOFFS_HZ[number]) == pytest.approx(1.0 / math.sqrt(2.0), abs=0.005)


@pytest.mark.parametrize("number", [4, 5, 6])
def test_a_sine_ten_times_above_passes_with_a_tenth(number):
    assert gain(number, 10 * CUTOFFS_HZ[number]) == pytest.approx(0.1, abs=0.005)


def test_without_a_filter_all_passes():
    assert gain(0, 350) == pytest.approx(1.0, abs=0.005)


def test_each_sample_between_two_records_is_filtered():
    # Only one sample in 14 becomes a record, but the filter sees all of them.
    assert gain(5, 35, samples_a_record=14) == pytest.approx(1.0 / math.sqrt(2.0), abs=0.01)


def test_another_filter_begins_in_its_steady_state():
    box = SimulatedFilter(lambda: TRUTH)
    for number in (0, 8, 1, 12, -1):
        np.testing.assert_allclose(box.reading(number, 3), TRUTH.to_array(), rtol=1e-12)


def test_a_filter_that_no_box_has_is_refused():
    with pytest.raises(ConfigurationError, match="user_filter: expected -1 to 12, got 13"):
        SimulatedBoxConfig(sensor=SensorConfiguration(user_filter=13))


def trembling():
    """Return a source of 100 N and -100 N in turn, of which a slow filter passes nothing."""
    forces = itertools.cycle((100.0, -100.0))
    return lambda: Wrench(np.full(3, next(forces)), np.zeros(3))


def test_the_page_sets_the_filter_of_the_stream():
    heard = []
    with connected(listener=lambda sample: heard.append(sample.wrench.force[0])) as (box, _):
        box._source = trembling()
        assert until(lambda: abs(heard[-1]) > 99.0)
        request_filter("127.0.0.1", box.http_port, 8)
        assert until(lambda: max(map(abs, heard[-20:])) < 5.0)


@pytest.mark.parametrize("wrong", [13, -1])
def test_the_page_refuses_a_filter_that_is_none(wrong):
    with connected() as (box, _):
        with pytest.raises(ConnectionFailedError):
            request_filter("127.0.0.1", box.http_port, wrong)
        assert box.sensor == SENSOR


def test_a_filter_changed_on_the_page_is_no_fault():
    sensor = replace(SENSOR, user_filter=0)
    with connected(sensor, recheck_s=0.02) as (box, client):
        assert client.user_filter == 0
        request_filter("127.0.0.1", box.http_port, 7)
        assert until(lambda: client.user_filter == 7)
        figures = client.statistics
        assert (state(client), figures.connections, figures.last_fault) == (
            ClientState.STREAMING,
            1,
            "",
        )


def test_the_cutoffs_are_those_of_a_net_box():
    assert cutoff_hz(NET_BOX) == 35
    assert cutoff_hz(NET_BOX, 0) == 0
    assert cutoff_hz(replace(NET_BOX, user_filter=-1)) is None
    assert cutoff_hz(NET_BOX, 13) is None
    assert cutoff_hz(replace(NET_BOX, product_name="Ethernet Axia")) is None


@pytest.mark.parametrize(
    ("cutoff", "least", "slower"),
    [(0, 0, False), (0, 35, False), (35, 35, False), (36, 35, False), (18, 35, True), (5, 0, True)],
)
def test_no_filter_is_the_fastest(cutoff, least, slower):
    assert is_slower(cutoff, least) is slower


def looked(asked, least_hz, *numbers, box=NET_BOX):
    watch = FilterWatch(asked, least_hz)
    for number in numbers:
        watch.update(box, number)
    return watch


def test_the_expected_filter_is_no_news():
    for watch in (looked(-1, 0.0, -1, 0), looked(5, 35.0, 5), looked(-1, 35.0, 0)):
        assert (watch.fault, watch.warning) == ("", "")
    assert (watch.number, watch.words) == (0, "off")


def test_a_changed_filter_is_a_warning():
    watch = looked(-1, 0.0, 0, 8)
    assert watch.fault == ""
    assert "is number 8 (5 Hz), expected 0 (off)" in watch.warning
    assert "expected 5 (35 Hz)" in looked(5, 0.0, 0).warning
    assert looked(-1, 0.0, 0, 8, 0).warning == ""


def test_a_slower_filter_than_allowed_is_a_fault():
    watch = looked(-1, 35.0, 6)
    assert "is at 18 Hz, expected at least 35 Hz or off (min_box_filter_hz)" in watch.fault
    watch.update(NET_BOX, 5)
    assert watch.fault == ""


def test_an_unknown_cutoff_is_a_warning_if_needed():
    axia = replace(NET_BOX, product_name="Axia")
    assert "not known, expected at least 35 Hz" in looked(-1, 35.0, 3, box=axia).warning
    assert looked(-1, 0.0, 3, box=axia).warning == ""
