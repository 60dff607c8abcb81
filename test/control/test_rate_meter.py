import pytest

from der_ros.control.rate_meter import RateMeter


def test_rate_jitter_and_late_ticks_of_known_intervals():
    meter = RateMeter(0.1)
    for now_s in (5.0, 5.1, 5.2, 5.36, 5.44):
        meter.tick(now_s)
    report = {name: float(value) for name, value in meter.report().items()}
    assert report["rate_hz"] == pytest.approx(4 / 0.44, abs=0.01)
    assert report["max_jitter_ms"] == pytest.approx(60.0, abs=0.01)
    assert report["rms_jitter_ms"] == pytest.approx(((60.0**2 + 20.0**2) / 4) ** 0.5, abs=0.01)
    assert report["late_ticks"] == 1


def test_each_report_begins_anew_but_loses_no_interval():
    meter = RateMeter(0.1)
    assert meter.report() == {}
    meter.tick(1.0)
    assert meter.report() == {}
    meter.tick(1.3)
    assert meter.report()["late_ticks"] == 1
    assert meter.report() == {}
