"""Retry pauses, compared with values computed by hand."""

from der_ros.drivers.netft.backoff import Backoff
from der_ros.drivers.netft.netft_records import NetFtConfig


def test_pauses_double_up_to_the_longest():
    config = NetFtConfig()
    backoff = Backoff(config.backoff_s, config.max_backoff_s)
    assert [backoff.pause_s() for _ in range(7)] == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    backoff.reset()
    assert backoff.pause_s() == 0.25
