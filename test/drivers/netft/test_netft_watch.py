"""Monitoring of the box's page: no answer stops it, and a stop is reported."""

import contextlib

import pytest
from hostile_page import BODY, CHUNKED, OK, SENSOR, HostilePage, dripping, endless, whole
from hostile_page import in_other_units as other_units
from netft_rig import FAST, a_box, state
from waiting import until

from der_ros.drivers.netft import client as client_module
from der_ros.drivers.netft import setup
from der_ros.drivers.netft.client import NetFtClient
from der_ros.drivers.netft.netft_records import ClientState, NetFtConfig
from der_ros.drivers.netft.simulated_box import SimulatedNetFt

QUICK = {**FAST, "http_timeout_s": 0.2, "recheck_s": 0.02}


@contextlib.contextmanager
def watched(**options):
    """Run a client with records from a box and a page from a hostile server."""
    with a_box(SENSOR) as box, HostilePage([whole()]) as page:
        config = NetFtConfig("127.0.0.1", box.rdt_port, page.port, **{**QUICK, **options})
        with NetFtClient(config) as client:
            assert until(lambda: client.latest() is not None), client.statistics
            yield page, client


HOSTILE = {
    "negative_chunk": [CHUNKED + b"-5\r\n" + BODY],
    "drip": dripping(OK * 100),
    "continue": endless(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "nothing": [],
    "redirect": [b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n"],
    "garbage": [b"\xff" * 5000],
    "half": [whole()[:-30]],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_after_a_bad_answer_a_changed_unit_is_noticed(name):
    with watched() as (page, client):
        asked = page.requests
        page.answer, page.pause_s = HOSTILE[name], 0.005
        assert until(lambda: page.requests >= asked + 3)
        assert state(client) is ClientState.STREAMING
        page.answer, page.pause_s = [whole(other_units())], 0.0
        assert until(lambda: "force_unit: N -> kN" in client.statistics.last_fault)
        assert until(lambda: client.configuration.force_unit == "kN")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_scale_that_is_not_confirmed_is_distrusted(name):
    with watched() as (page, client):
        assert client.distrust == ""
        page.answer, page.pause_s = HOSTILE[name], 0.005
        assert until(lambda: "last confirmed" in client.statistics.distrust)
        assert "recheck_s" in client.distrust
        assert state(client) is ClientState.STREAMING
        page.answer, page.pause_s = [whole()], 0.0
        assert until(lambda: client.statistics.distrust == "")
        assert client.statistics.connections == 1


def test_an_unexpected_error_is_the_reason_of_distrust(monkeypatch):
    def fail(_config):
        raise RuntimeError("a defect")

    with watched() as (_, client):
        monkeypatch.setattr(setup, "_fetch", fail)
        assert until(lambda: "a defect" in client.statistics.distrust)


def test_the_end_of_the_watching_thread_is_reported(monkeypatch):
    def fail(_watch):
        raise SystemExit

    monkeypatch.setattr(setup.ConfigurationWatch, "_check_once", fail)
    with watched() as (_, client):
        assert until(lambda: "netft-watch has ended" in client.statistics.distrust)


def test_without_periods_a_missing_page_is_not_minded():
    with watched(recheck_periods=0) as (page, client):
        asked = page.requests
        page.answer = []
        assert until(lambda: page.requests >= asked + 20)
        assert client.distrust == ""


def test_the_end_of_the_reading_thread_is_reported(monkeypatch):
    def fail(_client):
        raise SystemExit

    monkeypatch.setattr(NetFtClient, "_connected", fail)
    with NetFtClient(NetFtConfig("127.0.0.1", **FAST)) as client:
        assert until(lambda: "netft has ended" in client.failure)


def test_the_end_of_the_boxs_thread_is_reported(monkeypatch):
    def fail(_box):
        raise RuntimeError("a defect")

    monkeypatch.setattr(SimulatedNetFt, "_stream", fail)
    with a_box() as box:
        assert until(lambda: "a defect" in box.failure)


def test_a_fault_that_is_over_is_no_longer_reported(monkeypatch):
    monkeypatch.setattr(client_module, "_FAULT_SHOWN_S", 0.3)
    with watched() as (page, client):
        page.answer = [whole(other_units())]
        assert until(lambda: "force_unit" in client.statistics.last_fault)
        assert until(lambda: state(client) is ClientState.STREAMING)
        assert until(lambda: client.statistics.last_fault == "")


def test_records_that_all_have_one_number_are_named(monkeypatch):
    start = SimulatedNetFt._record
    monkeypatch.setattr(SimulatedNetFt, "_record", lambda box: start(box)._replace(rdt_sequence=7))
    with watched(give_up_after_s=0.2) as (_, client):
        assert until(lambda: "that repeat an earlier rdt_sequence" in client.statistics.last_fault)
