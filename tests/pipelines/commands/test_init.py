"""Claims about `init`: it writes what a new folder needs, and changes nothing that is there."""

import tomllib
from pathlib import Path

import pytest

from pipelines.commands.init import initialize
from pipelines.errors import Misconfigured
from pipelines.settings import ROOT

FILES = (".dlt/config.toml", ".dlt/secrets.toml", ".gitignore")


def names(paths: tuple[Path, ...]) -> tuple[str, ...]:
    return tuple(map(str, paths))


def test_a_new_folder_gets_all_files_and_the_secret_is_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "new"

    done = initialize(folder)

    assert (names(done.written), done.kept, done.not_ignored) == (FILES, (), ())
    assert (folder / ".dlt" / "secrets.toml").stat().st_mode & 0o777 == 0o600
    assert (folder / ".gitignore").read_text() == "data/\n.dlt/secrets.toml\n"


def test_its_settings_are_comments_until_a_mark_is_removed(tmp_path: Path) -> None:
    initialize(tmp_path)
    written, default = (folder / ".dlt" / "config.toml" for folder in (tmp_path, ROOT))

    text = written.read_text()

    assert all_values(tomllib.loads(text)) == []
    uncommented = "".join(line.removeprefix("#") if line[1:2] not in (" ", "") else line for line in lines_of(text))
    assert tomllib.loads(uncommented) == tomllib.loads(default.read_text())


def lines_of(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def all_values(document: dict[str, object]) -> list[object]:
    values = []
    for value in document.values():
        values += all_values(value) if isinstance(value, dict) else [value]
    return values


def test_its_secrets_have_a_place_for_the_token(tmp_path: Path) -> None:
    initialize(tmp_path)

    secrets = tomllib.loads((tmp_path / ".dlt" / "secrets.toml").read_text())

    assert secrets == {"sources": {"intercom": {"access_token": "put the access token here"}}}


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    initialize(tmp_path)
    for name in FILES:
        (tmp_path / name).write_text("mine\n")

    done = initialize(tmp_path)

    assert (done.written, names(done.kept)) == ((), FILES)
    assert done.not_ignored == ("data/", ".dlt/secrets.toml")
    assert {(tmp_path / name).read_text() for name in FILES} == {"mine\n"}


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "secrets.toml").symlink_to(tmp_path / "elsewhere")

    done = initialize(tmp_path)

    assert ".dlt/secrets.toml" in names(done.kept)
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_in_place_of_the_folder_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / ".dlt").write_text("")

    with pytest.raises(Misconfigured, match=r"\.dlt cannot be written: File exists"):
        initialize(tmp_path)
