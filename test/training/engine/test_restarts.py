from der_ros.training.engine.restarts import MOST_DEATHS_IN_A_ROW, Restarts


def test_a_worker_that_worked_is_replaced_each_time():
    restarts = Restarts(1)
    for _ in range(5 * MOST_DEATHS_IN_A_ROW):
        restarts.heard_from(0)
        assert restarts.died(0, "exit code -9") is None


def test_deaths_in_a_row_fail_the_run_place_by_place():
    restarts = Restarts(2)
    outcomes = [restarts.died(1, "exit code 7") for _ in range(MOST_DEATHS_IN_A_ROW)]
    assert outcomes[:-1] == [None] * (MOST_DEATHS_IN_A_ROW - 1)
    assert outcomes[-1].worker == 1
    assert "exit code 7" in outcomes[-1].reason
    assert restarts.died(0, "exit code 7") is None
