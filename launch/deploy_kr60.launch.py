"""Deploy a policy on a KUKA KR 60 with an ATI Net F/T sensor, simulated or real.

The nodes are the same in both cases: the simulated cell uses the real wire protocols on this host.
"""

from der_ros.launching.actions import deployment
from der_ros.launching.kr60_cell import kr60_arguments, kr60_parts

ARGUMENTS = kr60_arguments()


def generate_launch_description():
    return deployment("deploy_kr60", ARGUMENTS, kr60_parts)
