"""Build of the site: assemble the pages, generate the reference, and render with Zensical."""

from __future__ import annotations

import argparse
import functools
import http.server
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from site_builder.generate import reference_pages, with_navigation, write
from site_builder.links import broken_links, loaded_from_network
from site_builder.pages import UndocumentedError

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "build" / "site"
# The folders match those of the repository, so relative links work in both places.
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "docs",
    "models",
    "config",
    "requirements",
    "standalone/README.md",
)
_COPIED = {".md", ".gif", ".png", ".yaml", ".xml", ".rsix", ".src", ".dat", ".urdf", ".txt"}


def assemble(pages: Path) -> None:
    """Copy every page, and every file type that pages link to, into an empty folder."""
    shutil.rmtree(pages, ignore_errors=True)
    for part in PAGES:
        source = ROOT / part
        for path in [source] if source.is_file() else sorted(source.rglob("*")):
            if path.suffix in _COPIED:
                target = pages / path.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)


def render(strict: bool) -> int:
    """Render the assembled pages; return 0, or nonzero for an error or, if strict, a warning."""
    command = [sys.executable, "-m", "zensical", "build", "--clean", "-f", "zensical.toml"]
    command += ["--strict"] if strict else []
    done = subprocess.run(
        command, cwd=SITE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    print(done.stdout)
    # Zensical ignores griffe's warnings about docstrings that do not match their function.
    return done.returncode or int(strict and "griffe: " in done.stdout)


def serve(port: int = 8000) -> None:
    """Serve the site on this machine until Ctrl-C."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(SITE / "html"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        print(f"the site is at http://127.0.0.1:{port}; Ctrl-C ends")
        server.serve_forever()


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the site; return 0 on success and, with ``--strict``, without warnings."""
    parser = argparse.ArgumentParser(prog="build_site.py", description="Build the site.")
    parser.add_argument("--strict", action="store_true", help="treat a warning as an error")
    parser.add_argument("--serve", action="store_true", help="serve it afterwards on port 8000")
    options = parser.parse_args(arguments)
    pages = SITE / "pages"
    assemble(pages)
    try:
        generated = reference_pages()
    except UndocumentedError as error:
        print(f"undocumented:\n{error}", file=sys.stderr)
        return 1
    write(generated, pages)
    settings = (ROOT / "docs" / "zensical.toml").read_text(encoding="utf-8")
    (SITE / "zensical.toml").write_text(with_navigation(settings, generated), encoding="utf-8")
    code = render(options.strict)
    warnings = [*broken_links(pages), *loaded_from_network(SITE / "html")]
    print("\n".join(warnings), file=sys.stderr)
    code = code or int(bool(warnings) and options.strict)
    if options.serve and code == 0:
        serve()
    return code
