"""The controller's files agree with the bridge, the codec and the simulation."""

import itertools
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import yaml

from der_ros.drivers.kuka import rsi_telegrams
from der_ros.drivers.kuka.controller_limits import PathLimits
from der_ros.drivers.kuka.corrections import CorrectionLimits
from der_ros.drivers.kuka.krc4_records import SimulatedKrc4Config
from der_ros.geometry import angle_between, quaternion_from_euler_zyx
from der_ros.nodes.kuka_bridge import rsi as rsi_link
from der_ros.settings import made_from, names_of

FOLDER = Path(__file__).parents[3] / "config" / "krc4"
CARTESIAN, AXES = rsi_telegrams.CARTESIAN_TAGS, rsi_telegrams.AXIS_TAGS
# Element and attributes of RSI's internal values in a telegram.
INTERNAL = {
    "DEF_RIst": ("RIst", CARTESIAN),
    "DEF_RSol": ("RSol", CARTESIAN),
    "DEF_AIPos": ("AIPos", AXES),
    "DEF_Delay": ("Delay", ("D",)),
}


@pytest.fixture(scope="module")
def ethernet():
    return ET.parse(FOLDER / "der_ros_rsi_ethernet.xml").getroot()


# First number of indices and ids in each form of the context.
CONTEXTS = {"der_ros_rsi.rsi.xml": 1, "der_ros_rsi.rsix": 0}


def in_one_form(name):
    """Return the context's objects in the older of the two formats."""
    first = CONTEXTS[name]
    root = ET.parse(FOLDER / name).getroot()
    found = {}
    for thing in root.iter():
        thing.tag = thing.tag.rpartition("}")[2].replace("Rsi", "RSI")
        for key in list(thing.attrib):
            value = thing.attrib.pop(key)
            number = key in ("ParamId", "ParamID", "InIdx", "OutIdx")
            thing.set(re.sub("Id$", "ID", key), str(int(value) + 1 - first) if number else value)
        if thing.tag == "RSIObject":
            thing.set("ObjType", thing.get("ObjType").upper())
            found[thing.get("ObjType")] = thing
    return found


@pytest.fixture(scope="module", params=CONTEXTS)
def context(request):
    return in_one_form(request.param)


@pytest.fixture
def bridge(monkeypatch):
    """The RSI server with kuka_bridge's default settings, for a controller on this computer."""
    given = {"robot_ip": "127.0.0.1"}
    defaults = lambda _node, kind, **others: made_from(kind, given, **others)  # noqa: E731
    monkeypatch.setattr(rsi_link, "declare_settings", defaults)
    return rsi_link.declare_server(None)


def parameters(context, kind):
    found = context[kind].findall("Parameters/Parameter")
    return {item.get("Name"): item.get("ParamValue") for item in found}


def numbers(context, kind):
    return {name: float(value) for name, value in parameters(context, kind).items()}


def program():
    """Return the statements of the KRL program, without comments."""
    text = (FOLDER / "der_ros_rsi.src").read_text()
    lines = [line.partition(";")[0].strip() for line in text.splitlines()]
    return [line for line in lines if line]


def at(statements, pattern):
    (found,) = [i for i, line in enumerate(statements) if re.search(pattern, line)]
    return found


def test_port_and_type_are_the_bridges(ethernet, bridge):
    assert int(ethernet.findtext("CONFIG/PORT")) == bridge.port == SimulatedKrc4Config().pc_port
    assert ethernet.findtext("CONFIG/SENTYPE") == bridge.sensor_type
    assert ethernet.findtext("CONFIG/ONLYSEND") == "FALSE"


def test_the_quick_parser_reads_the_controllers_text(ethernet, context):
    decimals = int(parameters(context, "ETHERNET")["Precision"])
    elements, value = "", 1.0
    for item in ethernet.findall("SEND/ELEMENTS/ELEMENT"):
        assert item.get("INDX") == "INTERNAL"
        tag, names = INTERNAL[item.get("TAG")]
        whole = item.get("TYPE") == "LONG"
        texts = ["3" if whole else f"{value + i:.{decimals}f}" for i in range(len(names))]
        pairs = zip(names, texts, strict=True)
        elements += (
            f"<{tag} {' '.join(f'{name}={chr(34)}{text}{chr(34)}' for name, text in pairs)} />"
        )
        value += 10.0
    text = f'<Rob Type="KUKA">{elements}<IPOC>4711</IPOC></Rob>'
    telegram = rsi_telegrams.parse_robot_telegram(text.encode())
    assert telegram == rsi_telegrams.RobotTelegram(
        4711,
        (1.0, 2.0, 3.0, 4.0, 5.0, 6.0),
        (11.0, 12.0, 13.0, 14.0, 15.0, 16.0),
        (21.0, 22.0, 23.0, 24.0, 25.0, 26.0),
        3,
    )
    assert rsi_telegrams._USUAL.fullmatch(text)
    # The pose has the resolution of the answer: 0.1 um.
    assert decimals == 4


def test_the_answer_has_only_the_expected_elements(ethernet, bridge):
    answer = ET.fromstring(
        rsi_telegrams.build_sensor_telegram(
            rsi_telegrams.SensorTelegram(4711), bridge.sensor_type
        ).decode()
    )
    assert answer.get("Type") == ethernet.findtext("CONFIG/SENTYPE")
    answered = {f"RKorr.{name}" for name in answer.find("RKorr").attrib}
    expected = {item.get("TAG") for item in ethernet.findall("RECEIVE/ELEMENTS/ELEMENT")}
    assert expected == answered
    # IPOC is never declared.
    assert {child.tag for child in answer} == {"RKorr", "IPOC"}


def test_a_missing_answer_means_no_motion(ethernet, bridge):
    held = {item.get("HOLDON") for item in ethernet.findall("RECEIVE/ELEMENTS/ELEMENT")}
    assert held == {"1" if bridge.absolute else "0"}
    assert SimulatedKrc4Config().hold_on is bridge.absolute


def test_each_correction_is_led_to_its_own_input(ethernet, context):
    outputs = {
        item.get("INDX"): item.get("TAG") for item in ethernet.findall("RECEIVE/ELEMENTS/ELEMENT")
    }
    inputs = {
        item.get("InIdx"): (item.get("OutObjID"), outputs[item.get("OutIdx")])
        for item in context["POSCORR"].findall("Inputs/Input")
    }
    source = context["ETHERNET"].get("ObjID")
    assert inputs == {str(i + 1): (source, f"RKorr.{tag}") for i, tag in enumerate(CARTESIAN)}


def test_the_context_names_the_ethernet_file(context):
    assert (FOLDER / parameters(context, "ETHERNET")["ConfigFile"]).is_file()


@pytest.mark.parametrize("cycle_s", [0.004, 0.012])
def test_the_controller_stops_before_a_new_start(context, bridge, cycle_s):
    late = int(parameters(context, "ETHERNET")["Timeout"])
    assert late * cycle_s < bridge.peer_silence_s
    assert late <= SimulatedKrc4Config().timeout_cycles


def test_clamp_and_monitor_are_those_simulated(context):
    clamp, monitor, limits = (
        numbers(context, "POSCORR"),
        numbers(context, "POSCORRMON"),
        PathLimits(),
    )
    for axis in "XYZ":
        assert (clamp[f"LowerLim{axis}"], clamp[f"UpperLim{axis}"]) == (
            -limits.clamp_mm,
            limits.clamp_mm,
        )
    assert clamp["MaxRotAngle"] == limits.clamp_deg
    assert monitor == {"MaxTrans": limits.monitor_mm, "MaxRotAngle": limits.monitor_deg}


def rotation_limits():
    """Return the bridge's rotation limit for each task, degrees; None for the default."""
    files = sorted((FOLDER.parent / "deploy_kr60").glob("*.yaml"))
    bridges = [yaml.safe_load(path.read_text())["/**/kuka_bridge"] for path in files]
    return [one["ros__parameters"].get("max_correction_deg") for one in bridges]


@pytest.mark.parametrize("rotation_deg", rotation_limits())
def test_the_bridges_limits_are_inside_the_controllers(context, bridge, rotation_deg):
    rotation_deg = rotation_deg or bridge.limits.rotation_deg
    clamp, monitor = numbers(context, "POSCORR"), numbers(context, "POSCORRMON")
    assert bridge.limits.translation_mm < clamp["UpperLimX"] < monitor["MaxTrans"]
    # The bridge limits the length of (A, B, C), the controller the angle of their rotation.
    directions = [np.array(d) for d in itertools.product((-1.0, -0.5, 0.0, 0.5, 1.0), repeat=3)]
    worst = max(
        angle_between(
            np.array((0.0, 0.0, 0.0, 1.0)),
            quaternion_from_euler_zyx(*np.radians(rotation_deg * d / np.linalg.norm(d)).tolist()),
        )
        for d in directions
        if d.any()
    )
    assert rotation_deg < np.degrees(worst) + 1e-9
    assert np.degrees(worst) < clamp["MaxRotAngle"] < monitor["MaxRotAngle"]


def everything(objects):
    """Return objects, parameters and links, with numeric values as numbers."""

    def value(text):
        return float(text) if re.fullmatch(r"-?[\d.]+", text) else text

    return {
        kind: (
            sorted(thing.items()),
            sorted(
                (
                    item.get("Name"),
                    item.get("ParamID"),
                    item.get("IsRuntime"),
                    value(item.get("ParamValue")),
                )
                for item in thing.findall("Parameters/Parameter")
            ),
            sorted(sorted(item.items()) for item in thing.findall("Inputs/Input")),
        )
        for kind, thing in objects.items()
    }


def test_both_forms_of_the_context_say_the_same():
    old, new = (everything(in_one_form(name)) for name in CONTEXTS)
    assert old == new
    assert set(old) == {"ETHERNET", "POSCORR", "POSCORRMON"}


def test_corrections_are_along_the_base(context):
    (found,) = [
        item.attrib for item in context["POSCORR"].iter() if item.get("Name") == "RefCorrSys"
    ]
    assert (found["ParamID"], found["ParamValue"], found["IsRuntime"]) == ("1", "1", "false")


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (
            "POSCORR",
            [f"{side}Lim{axis}" for side in ("Lower", "Upper") for axis in "XYZ"] + ["MaxRotAngle"],
        ),
        ("POSCORRMON", ["MaxTrans", "MaxRotAngle"]),
    ],
)
def test_parameters_are_numbered_as_the_tool_does(context, kind, names):
    items = context[kind].findall("Parameters/Parameter")
    numbered = {
        item.get("Name"): item.get("ParamID") for item in items if not item.get("IsRuntime")
    }
    assert numbered == {name: str(number) for number, name in enumerate(names, 1)}


def test_each_object_and_parameter_number_is_once(context):
    for thing in context.values():
        items = thing.findall("Parameters/Parameter")
        keys = [(item.get("ParamID"), item.get("IsRuntime")) for item in items]
        assert len(set(keys)) == len(keys)
    assert {thing.get("ObjTypeID") for thing in context.values()} == {"64", "27", "81"}


def test_the_program_runs_rsi_with_this_context(bridge):
    statements = program()
    order = [
        at(statements, pattern)
        for pattern in ("RSI_CREATE", r"RSI_ON\b", "RSI_MOVECORR", "RSI_OFF", "^END$")
    ]
    assert order == sorted(order)
    name = re.search(r'RSI_CREATE\("(.+)",contid,TRUE\)', statements[order[0]]).group(1)
    assert (FOLDER / f"{name}.xml").is_file()
    text = (FOLDER / "der_ros_rsi.src").read_text()
    (other,) = re.findall(r'^; ret=RSI_CREATE\("(.+)",contid,TRUE\)', text, re.M)
    assert (FOLDER / f"{other}.rsix").is_file()
    assert f"RSI_ON(#{'ABSOLUTE' if bridge.absolute else 'RELATIVE'})" in statements[order[1]]
    # Corrections are along the robot's base, as kuka_bridge means them.
    assert at(statements, re.escape("BAS (#BASE,0)")) < order[1]


def test_the_program_moves_only_by_corrections():
    statements = program()
    moves = [i for i, line in enumerate(statements) if re.match(r"(S?PTP|S?LIN|S?CIRC)\b", line)]
    guard = at(statements, "IF NOT der_taught THEN")
    assert statements[guard + 1 : guard + 3] == ["HALT", "RETURN"]
    assert moves
    assert guard < min(moves)
    assert max(moves) < at(statements, "RSI_MOVECORR")


def test_the_programs_points_are_declared_not_taught():
    data = (FOLDER / "der_ros_rsi.dat").read_text()
    used = set(re.findall(r"\bder_(?!ros)\w+", "\n".join(program())))
    declared = set(re.findall(r"^DECL \w+ (der_\w+)=", data, re.M))
    assert used == declared
    assert "der_taught=FALSE" in data
    names = [
        re.search(rf"^{word} (\w+)", text, re.M).group(1)
        for word, text in (("DEF", (FOLDER / "der_ros_rsi.src").read_text()), ("DEFDAT", data))
    ]
    assert names == ["der_ros_rsi"] * 2


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda path: path.name)
def test_a_controller_can_read_the_letters(path):
    path.read_bytes().decode("ascii")


def test_the_server_takes_limits_from_parameters():
    text = (FOLDER / "der_ros_rsi.rsi.xml").read_text()
    assert names_of(CorrectionLimits) == ("max_correction_mm", "max_correction_deg")
    for name in names_of(CorrectionLimits):
        assert name in text
