"""A whole deployment needs no permission beyond the shipped SROS2 policy."""

import subprocess

import pytest
from deployment import launched, sensor_ports, wait_for_a_running_attempt

from der_ros.installation import package_folders

pytestmark = [pytest.mark.ros, pytest.mark.alone, pytest.mark.timeout(400)]

POLICY = next(package_folders("config")) / "sros2" / "policy.xml"


@pytest.mark.parametrize("launch_file", ["deploy_kr60.launch.py", "deploy_iiwa.launch.py"])
def test_a_deployment_keeps_to_the_shipped_policy(launch_file, tmp_path):
    output = tmp_path / "output.txt"
    with launched(launch_file, output, f"run_dir:={tmp_path / 'run'}", *sensor_ports()):
        wait_for_a_running_attempt(output)
        check = subprocess.run(
            ["ros2", "run", "der_ros", "security_policy", "--check", POLICY],
            capture_output=True,
            text=True,
            check=False,
        )
    assert check.returncode == 0, check.stdout + check.stderr
