"""``security_policy``: writes or checks the SROS2 policy of a running deployment."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from der_ros.cli._tool import run_tool
from der_ros.documents import read_text
from der_ros.errors import ConfigurationError
from der_ros.nodes.tools.security_policy import (
    NodePermissions,
    from_xml,
    lacking,
    merged,
    read_graph,
    to_xml,
)
from der_ros.whole_files import write_whole

NODES = (
    "assembly_supervisor",
    "bag_recorder",
    "cell_view",
    "ft_bridge",
    "kuka_bridge",
    "policy_server",
    "sim_cell",
)


def main(args: Sequence[str] | None = None) -> int:
    """Run the tool; return 0 if the policy was written or allows everything that the nodes use."""
    parser = argparse.ArgumentParser(
        prog="security_policy",
        description="Reads from the ROS graph what the nodes of a running deployment publish, "
        "subscribe to, offer and call, as an SROS2 policy file. Start the deployment first, in the "
        "same ROS domain.",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="write the policy to this file; permissions already in it are kept",
    )
    parser.add_argument(
        "--check", type=Path, metavar="FILE", help="list the permissions that this policy lacks"
    )
    parser.add_argument("--patience-s", type=float, default=20.0, help="time to find the nodes")
    options = parser.parse_args(args)
    if (options.out is None) == (options.check is None):
        parser.error("expected either --out FILE or --check FILE")
    return run_tool(lambda: _write(options) if options.out else _check(options))


def _write(options: argparse.Namespace) -> int:
    in_use = read_graph(NODES, options.patience_s)
    before = _read(options.out) if options.out.exists() else {}
    policy = merged(before, in_use)
    write_whole(options.out, to_xml(policy))
    print(f"{options.out}: {len(policy)} nodes, {sum(map(len, policy.values()))} permissions")
    return 0


def _check(options: argparse.Namespace) -> int:
    policy = _read(options.check)
    missing = lacking(policy, read_graph(NODES, options.patience_s))
    for line in missing:
        print(line)
    print(f"{options.check}: {len(missing)} permissions are missing", file=sys.stderr)
    return 1 if missing else 0


def _read(path: Path) -> NodePermissions:
    try:
        text = read_text(path)
    except ConfigurationError as error:
        raise ConfigurationError(f"expected a readable policy file, got: {error}") from error
    return from_xml(text)


if __name__ == "__main__":
    sys.exit(main())
