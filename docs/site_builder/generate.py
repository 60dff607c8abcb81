"""Generator of the reference pages and of their entries in the navigation."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from site_builder.api import api_pages
from site_builder.attempts import attempts_page
from site_builder.commands import command_pages
from site_builder.launch_files import launch_pages
from site_builder.metrics import metrics_page
from site_builder.nodes import node_pages
from site_builder.survey import Survey, from_json

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = "docs/reference"
# Folder of generated pages by its heading in the navigation; see zensical.toml.
FOLDERS = {
    "Nodes": "nodes",
    "Launch files": "launch",
    "Commands": "commands",
    "Python API": "api",
}


def survey_nodes() -> list[Survey]:
    """Survey the nodes in a separate process, which is isolated from other ROS nodes."""
    paths = [str(ROOT / "docs"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "OFF",
    }
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "survey.json"
        command = [sys.executable, "-m", "site_builder.survey", str(out)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=folder)
        if not out.exists():
            raise RuntimeError(f"the survey of the nodes failed:\n{done.stdout}{done.stderr}")
        return from_json(out.read_text(encoding="utf-8"))


def reference_pages() -> dict[str, str]:
    """Return every generated page by its path below ``docs/reference/``.

    Raises:
        UndocumentedError: A declaration in the code has no text or unit.
    """
    return {
        **node_pages(survey_nodes()),
        **launch_pages(ROOT / "launch"),
        **command_pages(ROOT / "setup.py"),
        "attempts.md": attempts_page(),
        "metrics.md": metrics_page(),
        **api_pages(),
    }


def write(pages: Mapping[str, str], folder: Path) -> None:
    """Write generated pages below the folder of the assembled ones."""
    for name, text in pages.items():
        path = folder / REFERENCE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def with_navigation(settings: str, pages: Mapping[str, str]) -> str:
    """Return the site's settings with the generated pages inserted into the navigation.

    Raises:
        ValueError: The settings have no placeholder for a folder.
    """
    for title, folder in FOLDERS.items():
        place = f'{{ "{title}" = [] }}'
        if place not in settings:
            raise ValueError(f"expected {place} in docs/zensical.toml, found none")
        names = [name for name in pages if name.startswith(f"{folder}/")]
        entries = ", ".join(f'{{ "{Path(name).stem}" = "{REFERENCE}/{name}" }}' for name in names)
        settings = settings.replace(place, f'{{ "{title}" = [{entries}] }}')
    return settings
