"""Reference of the nodes, topics and services, from a survey of the running nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from site_builder.catalogue import LIFECYCLE_SERVICES, SERVICES, TOPICS
from site_builder.metrics import metric_text
from site_builder.pages import code, page, refuse, sentence, table
from site_builder.survey import DeclaredParameter, Endpoint, Survey

_SHORTEST_TEXT = 8
_PARAMETER_SERVICES = "rcl_interfaces/"
_TRAINING = "training/"
# Ratios, poses, and lists with several units: their texts say what the numbers are.
UNIT_IN_THE_TEXT = {
    "axis_signs",
    "counts_per_force",
    "counts_per_torque",
    "damped_below",
    "dead_band",
    "flange_from_tcp",
    "joint_speed_share",
    "largest_damping",
    "rate",
    "spare_gain",
    "task_frame",
    "tcp_from_sensor",
    "tolerance",
    "world_from_sensor",
}


def node_pages(surveys: Sequence[Survey]) -> dict[str, str]:
    """Return the page of each node by its path below ``reference/``.

    Raises:
        UndocumentedError: A parameter lacks a text or a unit, or a topic or service lacks a text.
    """
    refuse([*parameter_complaints(surveys), *endpoint_complaints(surveys)])
    found = {
        f"nodes/{name}.md": _node_page(name, [each for each in surveys if each.node == name])
        for name in dict.fromkeys(each.node for each in surveys)
    }
    found["topics.md"] = _endpoints_page("Topics", surveys, ("publishes", "subscribes"))
    found["services.md"] = _endpoints_page("Services", surveys, ("serves", "calls"))
    return found


def parameter_complaints(surveys: Iterable[Survey]) -> list[str]:
    """Return one line per parameter without a text, and per number without a unit."""
    found = []
    for each in surveys:
        for item in each.parameters:
            where = f"parameter {item.name} of {each.node}"
            if len(item.text) < _SHORTEST_TEXT:
                found.append(f"{where}: expected a text, got {item.text!r}")
            if "float" in item.kind and not (item.unit or item.name in UNIT_IN_THE_TEXT):
                found.append(f"{where}: expected a unit in its setting")
    return sorted(set(found))


def endpoint_complaints(surveys: Sequence[Survey]) -> list[str]:
    """Return one line per topic or service without a text, and per text with neither of them."""
    found = []
    for roles, texts, kind in (
        (("publishes", "subscribes"), TOPICS, "topic"),
        (("serves", "calls"), SERVICES, "service"),
    ):
        names = {item.name[1:] for _, item in _endpoints(surveys, roles)}
        names = {name for name in names if not name.startswith(_TRAINING)}
        where = f"{kind}s in site_builder/catalogue.py"
        found += [
            f"{kind} {name}: expected a text among the {where}"
            for name in sorted(names - set(texts))
        ]
        found += [
            f"{kind} {name}: no node has it; remove it from the {where}"
            for name in sorted(set(texts) - names)
        ]
    return found


def _endpoints(
    surveys: Iterable[Survey], roles: Sequence[str]
) -> Iterator[tuple[Survey, Endpoint]]:
    for each in surveys:
        for item in each.endpoints:
            if item.role in roles and not item.type.startswith(_PARAMETER_SERVICES):
                yield each, item


def _node_page(name: str, surveys: Sequence[Survey]) -> str:
    first = surveys[0]
    kind = "A lifecycle node." if first.lifecycle else ""
    run = f"```sh\n./ros2w run der_ros {name} --ros-args -p NAME:=VALUE\n```"
    return page(
        code(name),
        sentence(first.text),
        kind,
        run,
        "## Parameters",
        *_parameter_blocks(surveys),
        "## Topics and services",
        _endpoint_table(surveys),
    )


def _parameter_blocks(surveys: Sequence[Survey]) -> Iterator[str]:
    """Yield the heading of each parameter, and facts and text of each of its declarations."""
    declared: dict[str, list[tuple[DeclaredParameter, list[Survey]]]] = {}
    for each in surveys:
        for item in each.parameters:
            known = declared.setdefault(item.name, [])
            forms = next((forms for other, forms in known if other == item), None)
            if forms is None:
                known.append((item, [each]))
            else:
                forms.append(each)
    for name, declarations in sorted(declared.items()):
        yield f"### {code(name)}"
        for item, forms in declarations:
            yield _facts(item)
            yield sentence(item.text)
            if len(forms) < len(surveys):
                yield "Only with " + " or ".join(_form(each, surveys) for each in forms) + "."


def _form(form: Survey, surveys: Sequence[Survey]) -> str:
    """Return the parameter that selects this form of a node, such as ``robot:=rsi``."""
    shared = [set(each.given.items()) for each in surveys if each is not form]
    for key, value in form.given.items():
        if all((key, value) not in others for others in shared):
            return code(f"{key}:={value}")
    return "the defaults"


def _facts(item: DeclaredParameter) -> str:
    """Return type, default, unit, range and mutability of a parameter as one line."""
    facts = [item.kind, f"default {_default(item)}"]
    if item.unit:
        facts.append(f"unit {item.unit}")
    if item.low is not None and item.high is not None:
        facts.append(f"{item.low:g} to {item.high:g}")
    facts += [item.constraints] if item.constraints else []
    facts.append("read-only" if item.read_only else "may be set while the node runs")
    return "*" + "; ".join(facts) + "*"


def _default(item: DeclaredParameter) -> str:
    value = item.default
    if isinstance(value, list):
        shown = [str(entry) for entry in value if str(entry)]
        if len(shown) > len("xyzxyzw"):
            return f"a list of {len(shown)}, such as {code(shown[0])}"
        return code(", ".join(shown))
    return code(str(value).lower() if isinstance(value, bool) else value)


def _endpoint_table(surveys: Sequence[Survey]) -> str:
    roles = ("publishes", "subscribes", "serves", "calls")
    rows = dict.fromkeys(
        (item.role, code(item.name[1:]), item.type, item.qos)
        for _, item in _endpoints(surveys, roles)
    )
    more = [
        ("serves", code(f"{surveys[0].node}/{name}"), kind, "")
        for name, kind in LIFECYCLE_SERVICES.items()
        if surveys[0].lifecycle
    ]
    return table(("the node", "name", "type", "QoS"), sorted([*rows, *more]))


def _endpoints_page(title: str, surveys: Sequence[Survey], roles: Sequence[str]) -> str:
    found: dict[str, list[tuple[Survey, Endpoint]]] = {}
    for each, item in _endpoints(surveys, roles):
        found.setdefault(item.name[1:], []).append((each, item))
    blocks = [
        "Names are relative to the namespace of the deployment; `clock` and `diagnostics` are "
        "always global."
    ]
    for name, items in sorted(found.items()):
        rows = dict.fromkeys(
            (f"[{code(each.node)}](nodes/{each.node}.md)", item.role, item.qos)
            for each, item in items
        )
        text = (TOPICS | SERVICES).get(name) or metric_text(name.removeprefix(_TRAINING))
        blocks += [
            f"## {code(name)}",
            f"*{items[0][1].type}*",
            text,
            table(("node", "role", "QoS"), rows),
        ]
    return page(title, *blocks)
