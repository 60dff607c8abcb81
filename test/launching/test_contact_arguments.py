"""Launch arguments for contact: force budget of the bridge, compliance of the simulated cell."""

import pytest

from der_ros.launching.arguments import checked
from der_ros.launching.deployment_arguments import budget_parameters, compliance_parameter
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


@pytest.mark.parametrize(
    ("text", "given"),
    [("rigid", "rigid"), ("cell", "cell"), ("200000", "200000.0"), ("2.5e5", "250000.0")],
)
def test_compliance_of_the_cell_is_an_argument(text, given):
    values, wrong = checked(kr60_arguments(), {"compliance": text})
    assert not wrong
    assert compliance_parameter(values) == given


@pytest.mark.parametrize("text", ["soft", "-1", "", "1e"])
def test_a_compliance_that_is_none_is_refused(text):
    _, wrong = checked(kr60_arguments(), {"compliance": text})
    assert wrong == [f"compliance: expected rigid, cell or a stiffness in N/m, got '{text}'"]
