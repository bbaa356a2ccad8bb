"""Builds the site: stages the documents with their links rewritten, then runs the generator on them.

A link to a file of the project that is no page becomes plain text: the site holds documents, not the code.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
RENAMED = {
    ROOT / "README.md": "index.md",
    ROOT / "CHANGELOG.md": "changelog.md",
    ROOT / "CONTRIBUTING.md": "contributing.md",
    ROOT / "benchmarks" / "README.md": "benchmarks.md",
}
"""Pages from outside of docs/, and their names in the site."""
LEFT_OUT = ("site", "dbt", "__pycache__")
"""Folders of docs/ that are no part of the site."""
DEMO_REPORT = "demo-report.html"
CODE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def stage(folder: Path, report: Path) -> None:
    """Writes the site's sources into a new folder. `report`: the page that shows what `report` makes."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DOCS, folder, ignore=shutil.ignore_patterns(*LEFT_OUT))
    shutil.copy(report, folder / DEMO_REPORT)
    for page, name in staged_pages().items():
        (folder / name).write_text(with_links(page, name), encoding="utf-8")


def staged_pages() -> dict[Path, str]:
    """All pages by path, with their names in the site."""
    inside = (path for path in sorted(DOCS.rglob("*.md")) if path.relative_to(DOCS).parts[0] not in LEFT_OUT)
    return {path: path.relative_to(DOCS).as_posix() for path in inside} | RENAMED


def with_links(page: Path, name: str) -> str:
    """The text of a page, with links that hold in the site."""
    text, parts, at = page.read_text(encoding="utf-8"), list[str](), 0
    for code in CODE.finditer(text):
        parts += [_linked(text[at : code.start()], page, name), code.group()]
        at = code.end()
    return "".join([*parts, _linked(text[at:], page, name)])


def _linked(text: str, page: Path, name: str) -> str:
    return LINK.sub(lambda link: _link(*link.groups(), page=page, name=name), text)


def _link(mark: str, label: str, target: str, *, page: Path, name: str) -> str:
    if "://" in target or target.startswith(("#", "mailto:")):
        return f"{mark}[{label}]({target})"
    path, hash_sign, anchor = target.partition("#")
    place = site_place((page.parent / path).resolve())
    if place is None:
        return label
    here = os.path.relpath(place, Path(name).parent)
    return f"{mark}[{label}]({Path(here).as_posix()}{hash_sign}{anchor})"


def site_place(path: Path) -> str | None:
    """Where a file of the project is in the site; null for one that is not there."""
    if path in RENAMED:
        return RENAMED[path]
    inside = path.is_relative_to(DOCS) and path.is_file()
    return path.relative_to(DOCS).as_posix() if inside and path.relative_to(DOCS).parts[0] not in LEFT_OUT else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--report", type=Path, required=True, help="a page that the command report has written")
    parser.add_argument("--out", type=Path, default=ROOT / "site", help="the folder for the site")
    parser.add_argument("--zensical", default="zensical", help="the generator")
    chosen = parser.parse_args()
    stage(chosen.out / "source", chosen.report)
    shutil.copy(DOCS / "site" / "zensical.toml", chosen.out)
    shutil.rmtree(chosen.out / "html", ignore_errors=True)
    built = subprocess.run([chosen.zensical, "build", "--strict"], cwd=chosen.out, check=False)  # noqa: S603  # ours
    sys.exit(built.returncode)


if __name__ == "__main__":
    main()
