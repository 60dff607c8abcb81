import io
from contextlib import redirect_stderr

import pytest

from der_ros.cli._tool import run_tool
from der_ros.errors import BagError, ConnectionFailedError, ContractError, described


@pytest.mark.parametrize("kind", [ContractError, BagError, ConnectionFailedError])
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[2J\x9b1m\x00", r"\x1b[2J\x9b1m\x00"),
        ("right \u202e left \u2028", r"right \u202e left \u2028"),
        ("no text: \udc80", r"no text: \udc80"),
        ("20 µm, café …", "20 µm, café …"),
    ],
)
def test_a_message_is_one_line_without_control(kind, text, shown):
    assert str(kind(text)) == f"{kind(text)}" == shown


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (ValueError("too long"), "ValueError: too long"),
        (BagError("a\nb"), r"BagError: a\nb"),
        (KeyError("a\nb"), r"KeyError: 'a\nb'"),
        (RuntimeError("a\nb"), r"RuntimeError: a\nb"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_any_error_is_described_in_one_line(error, shown):
    assert described(error) == shown


def test_a_file_name_forges_no_line_of_a_tool(tmp_path):
    def body():
        raise FileNotFoundError(2, "No such file", "a\nerror: b")

    with redirect_stderr(io.StringIO()) as shown:
        assert run_tool(body) == 1
    assert shown.getvalue() == "error: a\\nerror: b: No such file\n"
