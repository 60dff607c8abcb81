"""The generated reference lists every declaration, and refuses those without text or unit."""

import argparse
import dataclasses
import json
import re
from pathlib import Path

import pytest
import yaml

from der_ros.launching.arguments import Argument
from der_ros.parameters.node_parameters import node_parameters
from der_ros.policy.attempt import AttemptResult, Outcome
from der_ros.training.metrics.definitions import METRICS
from site_builder import attempts, commands, launch_files, nodes
from site_builder.catalogue import TOPICS
from site_builder.generate import survey_nodes
from site_builder.metrics import metric_text, metrics_page
from site_builder.pages import UndocumentedError
from site_builder.survey import DeclaredParameter, Endpoint

ROOT = Path(__file__).resolve().parents[2]
NODES_OF_SETUP = re.search(r"^NODES = \((.*?)\)", (ROOT / "setup.py").read_text(), re.M | re.S)[1]
GOOD = DeclaredParameter("reach", "float", 0.1, "Longest reach", "m", "", None, None, True)


@pytest.fixture(scope="module")
def surveys():
    return survey_nodes()


@pytest.fixture(scope="module")
def pages(surveys):
    return nodes.node_pages(surveys)


@pytest.mark.ros
def test_every_node_is_surveyed(surveys):
    assert {each.node for each in surveys} == set(re.findall(r'"(\w+)"', NODES_OF_SETUP))


@pytest.mark.ros
def test_every_parameter_is_listed(pages):
    text = "".join(pages.values())
    names = {each.setting.name for each in node_parameters()}
    assert {name for name in names if f"### `{name}`" not in text} == set()


@pytest.mark.ros
def test_each_parameter_has_the_unit_of_its_setting(pages):
    for node, _, setting in node_parameters():
        block = pages[f"nodes/{node}.md"].split(f"### `{setting.name}`\n")[1].split("###")[0]
        facts = f"; unit {setting.unit};" if setting.unit else ""
        assert re.search(rf"{re.escape(facts)}.*\n\n.{re.escape(setting.text[1:])}", block)


@pytest.mark.ros
def test_every_shipped_parameter_is_listed(pages):
    for path in [*ROOT.glob("config/deploy_*.yaml"), *ROOT.glob("config/deploy_*/*.yaml")]:
        for node, content in yaml.safe_load(path.read_text()).items():
            page = pages.get(f"nodes/{node.split('/')[-1]}.md", "".join(pages.values()))
            for name in content["ros__parameters"]:
                assert f"### `{name}`" in page, (path.name, node, name)


@pytest.mark.ros
def test_every_topic_and_service_is_listed(surveys, pages):
    for each in surveys:
        for item in each.endpoints:
            if not item.type.startswith("rcl_interfaces/"):
                page = "services.md" if item.role in ("serves", "calls") else "topics.md"
                assert f"## `{item.name[1:]}`" in pages[page]
                assert f"`{item.name[1:]}` | {item.type}" in pages[f"nodes/{each.node}.md"]


def with_parameter(surveys, **changes):
    return [surveys[0]._replace(parameters=[GOOD._replace(**changes)])]


@pytest.mark.ros
@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({}, []),
        ({"text": ""}, ["reach of .*expected a text"]),
        ({"unit": ""}, ["reach of .*expected a unit"]),
    ],
)
def test_a_parameter_without_text_or_unit_is_refused(surveys, changes, complaint):
    found = nodes.parameter_complaints(with_parameter(surveys, **changes))
    assert len(found) == len(complaint)
    assert all(re.search(wanted, line) for wanted, line in zip(complaint, found, strict=True))


@pytest.mark.ros
def test_a_topic_without_text_is_refused(surveys):
    new = Endpoint("publishes", "/kuka/new", "std_msgs/Bool", "reliable, depth 1")
    more = [surveys[0]._replace(endpoints=[*surveys[0].endpoints, new]), *surveys[1:]]
    with pytest.raises(UndocumentedError, match="topic kuka/new: expected a text"):
        nodes.node_pages(more)


@pytest.mark.ros
def test_a_text_of_no_topic_is_refused(surveys, monkeypatch):
    monkeypatch.setitem(TOPICS, "kuka/gone", "A topic that no node has any more.")
    with pytest.raises(UndocumentedError, match="topic kuka/gone: no node has it"):
        nodes.node_pages(surveys)


def test_every_launch_argument_is_listed():
    found = launch_files.launch_pages(ROOT / "launch")
    assert len(found) == len(list((ROOT / "launch").glob("*.launch.py")))
    for path in (ROOT / "launch").glob("*.launch.py"):
        page = found[f"launch/{path.name.removesuffix('.launch.py')}.md"]
        for argument in launch_files.load(path).ARGUMENTS:
            assert f"### `{argument.name}`" in page


def test_a_launch_argument_without_text_is_refused():
    assert launch_files.complaints("x", [Argument("speed", "1", "")]) != []


def test_every_command_and_option_is_listed():
    found = commands.command_pages(ROOT / "setup.py")
    for tool in commands.tools(ROOT / "setup.py"):
        for action in commands.parser_of(tool)._actions:
            for option in action.option_strings:
                assert option in found[f"commands/{tool}.md"]


def test_an_option_without_text_is_refused():
    parser = argparse.ArgumentParser(description="A tool.")
    parser.add_argument("--speed")
    assert commands.complaints("x", parser) == ["command x: expected a text for --speed"]


def test_every_field_of_an_attempt_is_listed():
    page = attempts.attempts_page()
    assert all(f"| `{item.name}` |" in page for item in dataclasses.fields(AttemptResult))


def test_each_field_of_an_attempt_has_its_json_type():
    result = AttemptResult(Outcome.SUCCESS, "", *[0.5] * 5)
    types = {str: "text", bool: "true or false", int: "whole number", float: "number, "}
    for name, value in json.loads(result.to_json()).items():
        kind = types[float if value is None else type(value)]
        assert f"| `{name}` | {kind}" in attempts.attempts_page()


def test_a_field_without_text_or_unit_is_refused():
    kinds = {"peak_n": "float", "speed": "float", "bag": "str"}
    found = attempts.complaints(list(kinds), {"speed": "Its speed.", "peak_n": "Peak."}, kinds)
    assert len(found) == 2
    assert "bag" in found[0]
    assert "speed" in found[1]


def test_every_metric_is_listed():
    assert all(f"| `{metric.name}` | {metric.unit} |" in metrics_page() for metric in METRICS)


def test_a_training_topic_of_no_metric_is_refused():
    with pytest.raises(KeyError):
        metric_text("no_such_metric")
