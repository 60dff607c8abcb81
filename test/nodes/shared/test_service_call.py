"""``ros2w service call`` of a computer without ROS 2 calls the services of a node."""

import subprocess
import sys
from pathlib import Path

import pytest
from policy_rig import running
from std_srvs.srv import SetBool

from der_ros.nodes.shared.node_process import ShellNode

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures("own_domain")]

SOURCES = Path(__file__).resolve().parents[3] / "standalone" / "src"
# The stand-in's own command refuses to run beside an installed ROS 2, which has one.
PROGRAM = f"""
import sys
sys.path.append({str(SOURCES)!r})
from der_ros_standalone.commands.service_call import run_service
sys.exit(run_service(sys.argv[1:]))
"""


class Switch(ShellNode):
    def __init__(self):
        super().__init__("switch")
        self.create_service(SetBool, "switch", self._on_switch)

    def _on_switch(self, request, response):
        response.success, response.message = request.data, f"now {request.data}"
        return response


def called(*words):
    command = [sys.executable, "-c", PROGRAM, "call", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60.0)


@pytest.mark.parametrize(("request_text", "data"), [("{data: true}", True), (None, False)])
def test_a_service_is_called_and_its_response_shown(request_text, data):
    given = () if request_text is None else (request_text,)
    with running(Switch):
        result = called("/switch", "std_srvs/srv/SetBool", *given)
    assert result.returncode == 0
    assert f"SetBool_Response(success={data}, message='now {data}')" in result.stdout
