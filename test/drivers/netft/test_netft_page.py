"""Requests to a box's page: every hostile answer ends within time and size limits, with a
reason."""

import logging
import socket
import struct
import time
from dataclasses import replace

import pytest
from hostile_page import (
    BODY,
    CHUNKED,
    ENTITIES,
    OK,
    SENSOR,
    HostilePage,
    dripping,
    endless,
    whole,
)
from netft_rig import a_box
from waiting import until

from der_ros.drivers.netft.configuration import fetch_configuration
from der_ros.drivers.netft.http_page import MAX_ANSWER_BYTES, MAX_DOCUMENT_BYTES
from der_ros.errors import ConnectionFailedError, DerRosError, ProtocolError

TIMEOUT_S = 0.4
SLACK_S = 1.0
BLOCK = b"x" * 65536


def fetch(page, timeout_s=TIMEOUT_S):
    return fetch_configuration("127.0.0.1", page.port, timeout_s)


@pytest.mark.parametrize(
    "answer",
    [
        whole(),
        whole(head=b"X-Odd: \xff\xfe\r\n"),
        b"HTTP/1.0 200 OK\r\n\r\n" + BODY,
        b"HTTP/1.1 100 Continue\r\n\r\n" + whole(),
        CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY),
    ],
)
def test_a_page_in_any_plain_form_is_read(answer):
    with HostilePage([answer]) as page:
        assert fetch(page, 2.0) == SENSOR


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (dripping(OK + b"A: b\r\n" * 50), "no whole answer within 0.4 s"),
        (dripping(whole()), "no whole answer within 0.4 s"),
        (endless(b"X: y\r\n", OK), "no whole answer within 0.4 s|got more than 100 headers"),
        (endless(b"HTTP/1.1 100 Continue\r\n\r\n"), "no whole answer within 0.4 s"),
        (endless(b"a", CHUNKED, b"1;"), "no whole answer within 0.4 s"),
        (endless(b"1\r\nx\r\n", CHUNKED), "no whole answer within 0.4 s"),
    ],
)
def test_a_slow_answer_ends_at_one_deadline(answer, expected):
    with HostilePage(answer, pause_s=0.02) as page:
        began_s = time.monotonic()
        with pytest.raises(ConnectionFailedError, match=expected):
            fetch(page)
        assert time.monotonic() - began_s < TIMEOUT_S + SLACK_S


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (endless(BLOCK, OK + b"\r\n"), "more than 262144 bytes"),
        (endless(b"10000\r\n" + BLOCK + b"\r\n", CHUNKED), "more than"),
        (endless(b"\0" * 65536, CHUNKED), "got '"),
        (endless(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000), "more than 327680 bytes"),
        (endless(b"X: y\r\n" * 100, OK), "got more than 100 headers"),
        (endless(BLOCK, OK + b"X: "), "more than 65536 bytes"),
        (endless(BLOCK), "more than 65536 bytes"),
        (endless(BLOCK, OK + b"Content-Length: 99999999999999999999\r\n\r\n"), "more than 262144"),
    ],
)
def test_an_endless_answer_ends_within_its_bytes(answer, expected):
    with HostilePage(answer) as page:
        with pytest.raises(ConnectionFailedError, match=expected):
            fetch(page, 5.0)
        # The sockets' buffers hold bytes that were sent but not read.
        assert page.sent < MAX_ANSWER_BYTES + 16 * 2**20


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (CHUNKED + b"-5\r\n" + BODY, "got '"),
        (CHUNKED + b"zz\r\n" + BODY, "got '"),
        (CHUNKED + b"fffff\r\n" + BODY, "got '"),
        (OK + b"Content-Length: 9999\r\n\r\n" + BODY, "bytes too early"),
        (OK + b"Content-Length: -5\r\n\r\n", "XML|got '"),
        (b"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1/\r\n\r\n", "got 301"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "got 204"),
        (b"HTTP/1.1 -1 Odd\r\n\r\n", "got '"),
        (whole(b"\x1f\x8b" * 100, b"Content-Encoding: gzip\r\n"), "encoded as 'gzip'"),
        (b"\xff\xfe\xfd\r\n\r\n", "got '"),
        (b"", "got '"),
        (OK, "XML"),
        (whole(b"\xff\xfe" * 40), "expected XML"),
        (whole(b'<?xml version="1.0" encoding="klingon"?><netft/>'), "expected XML"),
        (whole(BODY[:-20]), "expected XML"),
        (whole(b""), "expected XML"),
        (whole(b" " * (MAX_DOCUMENT_BYTES + 1)), "more than 262144 bytes"),
        (whole(ENTITIES), "no document type"),
    ],
)
def test_a_wrong_answer_has_its_reason(answer, expected):
    with HostilePage([answer]) as page, pytest.raises(DerRosError, match=expected):
        fetch(page, 2.0)


def test_a_reason_is_one_short_line():
    with HostilePage([b"ICY 200\r\nOK\r\n\r\n"]) as page, pytest.raises(DerRosError) as caught:
        fetch(page, 2.0)
    assert str(caught.value).splitlines() == [str(caught.value)]
    unit = (
        replace(SENSOR, product_name="x" * 100_000)
        .to_xml()
        .replace(b"<scfgfu>N", b"<scfgfu>" + b"N" * 100_000)
    )
    with (
        HostilePage([whole(unit)]) as page,
        pytest.raises(DerRosError, match="force unit") as caught,
    ):
        fetch(page, 2.0)
    assert len(str(caught.value)) < 300


def test_a_connection_that_is_reset_has_its_reason():
    with HostilePage([OK], reset=True) as page, pytest.raises(ConnectionFailedError, match="reset"):
        fetch(page, 2.0)


def test_a_peer_that_never_answers_ends_in_time():
    with HostilePage([], pause_s=0.0) as page:
        page.answer = endless(b"")
        page.pause_s = 0.05
        began_s = time.monotonic()
        with pytest.raises(ConnectionFailedError, match=r"no whole answer within 0\.4 s"):
            fetch(page)
        assert time.monotonic() - began_s < TIMEOUT_S + SLACK_S


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b">500<", b">-5<"),
        (b">500<", b">499.5<"),
        (b">500<", b">1e400<"),
        (b">500<", b">1_000<"),
        (b">500<", b">&#x0665;00<"),
        (b"<comrdtbsiz>10", b"<comrdtbsiz>-1"),
        (b"<setuserfilter>-1", b"<setuserfilter>-2"),
        (b"<prodname>", b"<prodname>Axia</prodname><prodname>"),
        (b"<comrdte>", b"<comrdte>Disabled</comrdte><comrdte>"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(old, new):
    assert old in BODY
    answer = [whole(BODY.replace(old, new, 1))]
    with HostilePage(answer) as page, pytest.raises(ProtocolError, match="expected"):
        fetch(page, 2.0)


def test_a_simulated_page_outlives_a_broken_request(capsys, caplog):
    caplog.set_level(logging.DEBUG)
    with a_box() as box:
        with socket.create_connection(("127.0.0.1", box.http_port), 5.0) as client:
            client.sendall(b"GET / HT")
            # A close without lingering resets the connection.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert until(lambda: "Connection reset by peer" in caplog.text)
        assert fetch_configuration("127.0.0.1", box.http_port, 5.0) == SENSOR
    assert "Traceback" not in capsys.readouterr().err
