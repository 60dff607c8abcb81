"""Every page is in the navigation and in README's index, and every link resolves."""

import re
from pathlib import Path

import pytest

from site_builder.build import assemble
from site_builder.links import broken_links, loaded_from_network

ROOT = Path(__file__).resolve().parents[2]
PAGES = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")}


def test_the_navigation_names_every_page():
    named = set(re.findall(r'"(docs/[^"]+\.md)"', (ROOT / "docs" / "zensical.toml").read_text()))
    assert PAGES - named == set()


def test_readme_names_every_page():
    named = set(re.findall(r"\]\((docs/[^)]+\.md)\)", (ROOT / "README.md").read_text()))
    assert PAGES - named == set()


def test_links_lead_to_files(tmp_path):
    assemble(tmp_path / "pages")
    assert broken_links(tmp_path / "pages") == []


def test_a_broken_link_is_found(tmp_path):
    (tmp_path / "a.md").write_text("[b](b.md) [a](a.md#x) [far](https://example.org) ![p](p.png)\n")
    assert broken_links(tmp_path) == ["a.md: no file at b.md", "a.md: no file at p.png"]


def test_what_a_page_loads_from_the_network_is_found(tmp_path):
    text = '<a href="https://example.org"></a><script src="https://example.org/x.js"></script>'
    (tmp_path / "a.html").write_text(text)
    assert loaded_from_network(tmp_path) == ["a.html: loads https://example.org/x.js"]


def cells(line):
    return re.split(r"(?<!\\)\|", line.strip())


@pytest.mark.parametrize("page", sorted({*PAGES, "README.md", "CONTRIBUTING.md"}))
def test_each_row_of_a_table_has_as_many_cells(page):
    head = 0
    for number, line in enumerate((ROOT / page).read_text().splitlines(), 1):
        head = (head or len(cells(line))) if line.startswith("|") else 0
        assert not head or len(cells(line)) == head, f"{page}:{number}"


# Made by `plot_runs --paper`.
MADE = {"docs/results.md"}


@pytest.mark.parametrize("page", sorted({*PAGES, "README.md", "CONTRIBUTING.md"} - MADE))
def test_no_line_and_no_cell_is_longer_than_a_line(page):
    for number, line in enumerate((ROOT / page).read_text().splitlines(), 1):
        parts = cells(line) if line.startswith("|") else [line]
        too_long = [part for part in parts if len(part.strip()) > 120]
        assert too_long == [], f"{page}:{number}"


@pytest.mark.parametrize("page", sorted({*PAGES, "README.md", "CONTRIBUTING.md"} - MADE))
def test_no_row_is_longer_than_200_characters(page):
    lines = (ROOT / page).read_text().splitlines()
    assert [line for line in lines if line.startswith("|") and len(line) > 200] == []
