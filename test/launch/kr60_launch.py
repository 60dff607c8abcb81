"""Support for tests of the KR 60 deployment: its launch and free ports for it."""

import socket

from deployment import launched as launched_file
from deployment import sensor_ports
from isolation import free_port

SIM_PC_IP = "127.0.0.1"


def ports():
    """Return the arguments of the deployment for free ports: RSI, RDT, HTTP."""
    return [f"rsi_port:={free_port(socket.SOCK_DGRAM, SIM_PC_IP)}", *sensor_ports()]


def launched(output, *arguments):
    """Run the deployment, as ``deployment.launched``."""
    return launched_file("deploy_kr60.launch.py", output, *arguments)
