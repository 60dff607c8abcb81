"""The status word in words."""

import pytest

from der_ros.drivers.netft.status import Severity, decode_status


@pytest.mark.parametrize(
    ("word", "product", "severity", "conditions"),
    [
        (0, "", Severity.OK, ()),
        (0x8001_0000, "NETB", Severity.WARNING, ("monitor condition latched",)),
        (0x8002_0000, "NETB", Severity.ERROR, ("saturation or A/D error",)),
        (
            0x8003_0000,
            "NETB",
            Severity.ERROR,
            ("monitor condition latched", "saturation or A/D error"),
        ),
        (0x0001_0000, "NETB", Severity.ERROR, ("monitor condition latched",)),
        (0x8000_0000, "NETB", Severity.ERROR, ("error summary",)),
        (1 << 20, "NETB", Severity.ERROR, ("bit 20",)),
        (0x8001_0000, "ATI Axia80", Severity.ERROR, ("bit 16", "bit 31")),
    ],
)
def test_table(word, product, severity, conditions):
    assert decode_status(word, product) == (word, severity, conditions)


def test_one_line():
    assert str(decode_status(0)) == "OK"
    assert str(decode_status(0x8002_0000)) == "0x80020000: saturation or A/D error"
