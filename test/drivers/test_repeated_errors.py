"""Errors that repeat in every cycle fill no log and hide no cause."""

import logging

from der_ros.drivers import repeated_errors
from der_ros.drivers.repeated_errors import LOG_EVERY_S, RepeatedErrors


def test_an_error_of_every_cycle_is_logged_every_10_s(caplog, monkeypatch):
    now_s = 100.0
    monkeypatch.setattr(repeated_errors.time, "monotonic", lambda: now_s)
    errors = RepeatedErrors(logging.getLogger("robot"), "a cycle failed")
    for number in range(2500):
        now_s = 100.0 + 0.01 * number
        errors.note(ValueError(f"bug {number}"))
    assert errors.count == 2500
    messages = [record.message for record in caplog.records]
    assert messages[0] == "a cycle failed: bug 0"
    assert len(messages) == 3
    assert "times so far): bug" in messages[1]
    assert all(record.exc_info for record in caplog.records)
    assert LOG_EVERY_S == 10.0


def test_a_warning_has_no_traceback(caplog):
    RepeatedErrors(logging.getLogger("robot"), "not sent", traceback=False).note(OSError("away"))
    (record,) = caplog.records
    assert (record.levelname, record.exc_info) == ("WARNING", None)
