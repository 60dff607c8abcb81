"""The RViz configuration and Foxglove layout show only topics that the stack publishes."""

import json
import re

import yaml

from der_ros.installation import package_folders
from der_ros.parameters.bag_recorder import RecorderParameters

VIEWERS = [*package_folders("config")][-1] / "viewers"
RECORDED = {"/" + entry.split()[0].lstrip("/") for entry in RecorderParameters().topics}
VIEWED = {"/cell/markers", "/cell/task_frame", "/robot_description", "/rosout", "/netft_ready"}
FEEDBACK = "/assembly_supervisor/feedback"
# Numbers without names, texts of the last release, and poses that the markers hold.
NOT_SHOWN = {
    "/policy/observation",
    "/policy/action",
    "/kuka/cycle_inputs",
    "/policy/info",
    "/assembly_supervisor/attempt",
    "/sim_cell/goal_pose",
}


def in_foxglove():
    text = (VIEWERS / "foxglove.json").read_text()
    panels = json.loads(text)["configById"]
    found = set(panels["3D!cell"]["topics"])
    for panel in panels.values():
        paths = [each["value"] for each in panel.get("paths", [])]
        paths += [panel[key] for key in ("topicPath", "topicToRender", "path") if key in panel]
        found |= {re.match(r"[/\w]+", path)[0] for path in paths}
    return found


def in_rviz():
    text = (VIEWERS / "cell.rviz").read_text()
    displays = yaml.safe_load(text)["Visualization Manager"]["Displays"]
    topics = [display.get(key) for display in displays for key in ("Topic", "Description Topic")]
    return {"/" + topic["Value"] for topic in topics if topic}


def test_foxglove_shows_every_topic_of_the_stack():
    assert in_foxglove() == (RECORDED - NOT_SHOWN) | VIEWED | {FEEDBACK}


def test_rviz_shows_topics_of_the_stack_only():
    assert in_rviz() <= RECORDED | VIEWED
    assert {"/cell/markers", "/kuka/tcp_pose", "/netft_data", "/robot_description"} <= in_rviz()


def panels_of(layout):
    if isinstance(layout, str):
        return {layout}
    return panels_of(layout["first"]) | panels_of(layout["second"])


def test_every_panel_of_the_layout_is_placed():
    layout = json.loads((VIEWERS / "foxglove.json").read_text())
    tabs = layout["configById"]["Tab!messages"]["tabs"]
    placed = panels_of(layout["layout"]).union(*(panels_of(tab["layout"]) for tab in tabs))
    assert placed == set(layout["configById"])
