"""The status word as text, by product."""

import pytest

from der_ros.drivers.netft.rdt import Severity, decode_status

AXIA = "Ethernet Axia"


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
        (
            0x8000_0300,
            "NETB",
            Severity.ERROR,
            ("gage excitation too low", "gage excitation too high"),
        ),
        (1 << 15, "NETB", Severity.ERROR, ("bit 15",)),
        # The Axia's manual gives these words as examples.
        (0x8000_0005, AXIA, Severity.ERROR, ("temperature out of range", "broken gage")),
        (0xC000_0000, AXIA, Severity.ERROR, ("force or torque out of range",)),
        (0xA000_0000, AXIA, Severity.ERROR, ("calibration checksum error",)),
        (0x8800_0000, AXIA, Severity.ERROR, ("gage out of range",)),
        (0x0001_0000, AXIA, Severity.WARNING, ("monitor condition latched",)),
        (0x8001_0000, AXIA, Severity.ERROR, ("monitor condition latched",)),
        (0x0000_0008, AXIA, Severity.WARNING, ("busy: a setting is being changed",)),
        (0x8000_0008, AXIA, Severity.ERROR, ("busy: a setting is being changed",)),
        (0x1000_0000, AXIA, Severity.ERROR, ("simulated error",)),
        (1 << 20, AXIA, Severity.ERROR, ("bit 20",)),
        (0x8000_0000, AXIA, Severity.ERROR, ("error summary",)),
    ],
)
def test_table(word, product, severity, conditions):
    assert decode_status(word, product) == (word, severity, conditions)


def test_a_status_bit_is_read_by_its_product():
    assert decode_status(1 << 27, "NETB").conditions == ("serial link error",)
    assert decode_status(1 << 27, AXIA).conditions == ("gage out of range",)


def test_one_line():
    assert str(decode_status(0)) == "OK"
    assert str(decode_status(0x8002_0000)) == "0x80020000: saturation or A/D error"
