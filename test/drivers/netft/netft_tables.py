"""RDT bytes written by hand."""

from der_ros.drivers.netft.rdt import Command, RdtRecord, Request

REQUESTS = [
    (bytes.fromhex("1234 0000 00000000"), Request(Command.STOP)),
    (bytes.fromhex("1234 0001 0000000a"), Request(Command.START_SINGLE, 10)),
    (bytes.fromhex("1234 0002 00000000"), Request(Command.START_REALTIME)),
    (bytes.fromhex("1234 0003 ffffffff"), Request(Command.START_BUFFERED, 2**32 - 1)),
    (bytes.fromhex("1234 0041 00000000"), Request(Command.RESET_LATCH)),
    (bytes.fromhex("1234 0042 00000000"), Request(Command.BIAS)),
]

RECORDS = [
    (
        bytes.fromhex(
            "00000001 0000abcd 80010000 000f4240 fff0bdc0 00000000 7fffffff 80000000 ffffffff"
        ),
        RdtRecord(1, 0xABCD, 0x80010000, 1_000_000, -1_000_000, 0, 2**31 - 1, -(2**31), -1),
    ),
    (
        bytes.fromhex(
            "ffffffff 00000000 00000000 00000001 00000002 00000003 00000004 00000005 00000006"
        ),
        RdtRecord(2**32 - 1, 0, 0, 1, 2, 3, 4, 5, 6),
    ),
]
