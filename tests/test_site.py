"""The documents as a site: it builds offline, no link in it is broken, and no page loads anything from elsewhere."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from pipelines.settings import ROOT

GENERATOR = ROOT / ".venv-site" / "bin" / "zensical"
NEEDS_GENERATOR = pytest.mark.skipif(
    not (GENERATOR.parents[1] / "installed").exists(), reason="needs Zensical: make test-site installs it"
)
BUILD = ROOT / "docs" / "site" / "build.py"
REPORT = "<!doctype html><title>A report</title><p>Numbers of a demo."
LOADING = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src"}
"""What a browser loads with a page."""
NOT_LOADED = frozenset(("canonical", "alternate", "prev", "next", "author"))
pytestmark = pytest.mark.xdist_group("site")


class Page(HTMLParser):
    """What a page loads, where it leads, and the places in it."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.loaded, self.links, self.ids = list[str](), list[str](), set[str]()
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids |= {given[name] for name in ("id", "name") if name in given}
        address = given.get(LOADING.get(tag, ""), "")
        if address and given.get("rel") not in NOT_LOADED:
            self.loaded.append(address)
        if tag == "a" and "href" in given:
            self.links.append(given["href"])


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    (folder / "report.html").write_text(REPORT)
    command = [sys.executable, str(BUILD), "--report", str(folder / "report.html"), "--out", str(folder / "site")]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "http_proxy": "http://127.0.0.1:9"}
    built = subprocess.run(
        [*command, "--zensical", str(GENERATOR)], env=environment, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder / "site" / "html"


@NEEDS_GENERATOR
def test_every_document_is_a_page(html: Path) -> None:
    documents = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}

    pages = {path.relative_to(html) for path in html.rglob("*.html")}
    assert documents | {Path("index.html"), Path("changelog.html"), Path("demo-report.html")} <= pages


@NEEDS_GENERATOR
def test_no_page_loads_anything_from_another_host(html: Path) -> None:
    for file in html.rglob("*.html"):
        assert [address for address in Page(file).loaded if urlsplit(address).netloc] == [], file.name
    for file in html.rglob("*.css"):
        assert re.findall(r"url\(\s*['\"]?(?:https?:)?//", file.read_text(encoding="utf-8")) == [], file.name


@NEEDS_GENERATOR
def test_every_link_of_the_site_leads_to_a_file_and_a_place_in_it(html: Path) -> None:
    pages = {file: Page(file) for file in html.rglob("*.html") if file.name != "404.html"}
    assert [
        f"{file.relative_to(html)}: {link}"
        for file, page in pages.items()
        for link in (*page.links, *page.loaded)
        if is_broken(link, file, pages)
    ] == []


def is_broken(link: str, file: Path, pages: dict[Path, Page]) -> bool:
    """Whether a link within the site leads nowhere."""
    address = urlsplit(link)
    if address.scheme or address.netloc:
        return False
    target = (file.parent / unquote(address.path)).resolve() if address.path else file
    target = target / "index.html" if target.is_dir() else target
    has_place = not address.fragment or target not in pages or unquote(address.fragment) in pages[target].ids
    return not (target.exists() and has_place)


@NEEDS_GENERATOR
def test_the_search_finds_words_of_every_tutorial(html: Path) -> None:
    index = (html / "search.json").read_text(encoding="utf-8")

    for path in (ROOT / "docs" / "tutorials").glob("*.md"):
        title = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        assert title.replace("'", "&#39;") in index or title in index


def test_the_output_is_ignored_by_git() -> None:
    assert "/site/" in (ROOT / ".gitignore").read_text().splitlines()
