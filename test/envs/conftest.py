import pytest

from der_ros.envs import TaskEnv


@pytest.fixture
def env():
    made = TaskEnv("lap_joint")
    yield made
    made.close()
