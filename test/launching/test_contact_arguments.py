"""Launch arguments for contact: force budget of the bridge, compliance of the simulated cell."""

import pytest

from der_ros.launching.arguments import checked
from der_ros.launching.deployment_arguments import budget_parameters
from der_ros.launching.kr60_cell import kr60_arguments


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({}, {}),
        ({"force_budget_n": "60"}, {"force_budget_n": 60.0}),
        ({"torque_budget_nm": "2.5"}, {"torque_budget_nm": 2.5}),
    ],
)
def test_a_given_budget_is_the_bridges_parameter(texts, expected):
    values, wrong = checked(kr60_arguments(), texts)
    assert not wrong
    assert budget_parameters(values) == expected


@pytest.mark.parametrize("text", ["-1", "nan", "much", "20000"])
def test_a_budget_that_is_none_is_refused(text):
    _, wrong = checked(kr60_arguments(), {"force_budget_n": text})
    assert wrong[0].startswith("force_budget_n: expected a number from 0 to 10000")


@pytest.mark.parametrize("text", ["rigid", "cell", "200000", "2.5e5"])
def test_compliance_of_the_cell_is_an_argument(text):
    values, wrong = checked(kr60_arguments(), {"compliance": text})
    assert not wrong
    assert values["compliance"] == text


@pytest.mark.parametrize("text", ["soft", "-1", "", "1e"])
def test_a_compliance_that_is_none_is_refused(text):
    _, wrong = checked(kr60_arguments(), {"compliance": text})
    assert wrong == [f"compliance: expected rigid, cell or a stiffness in N/m, got '{text}'"]
