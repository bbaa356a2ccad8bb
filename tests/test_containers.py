"""The files of docs/containers.md: their YAML, commands, variables and exit codes are real."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from pipelines.cli.reference import OTHER_SETTINGS, read_settings
from pipelines.errors import ExitCode
from pipelines.settings import ROOT

from .support.terminal import Terminal

DOCUMENT = (ROOT / "docs" / "containers.md").read_text()
DOCKERFILE = (ROOT / "docs" / "docker" / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "docs" / "docker" / "compose.yaml").read_text())
CLAIM, CRONJOB = yaml.safe_load_all((ROOT / "docs" / "kubernetes" / "cronjob.yaml").read_text())
JOB = CRONJOB["spec"]["jobTemplate"]["spec"]
POD = JOB["template"]["spec"]
(CONTAINER,) = POD["containers"]
SELF_HEALING = {ExitCode.DONE, ExitCode.UNAVAILABLE, ExitCode.BUSY}
VARIABLES = {setting.variable for setting in read_settings((ROOT / ".dlt" / "config.toml").read_text())}
VARIABLES |= set(OTHER_SETTINGS)


def calls() -> Iterator[tuple[str, ...]]:
    yield tuple(CONTAINER["args"])
    yield from (tuple(service["command"]) for service in COMPOSE["services"].values())


@pytest.mark.parametrize("call", sorted(set(calls())), ids=" ".join)
def test_the_command_accepts_each_call(terminal: Terminal, call: tuple[str, ...]) -> None:
    ended = terminal.run(*call, "--help")

    assert ended.exit_code == 0, ended.errors


def test_each_variable_is_a_setting() -> None:
    named = {one["name"] for one in CONTAINER["env"]} | set(re.findall(r"^([A-Z_]+__[A-Z_]+)=", DOCUMENT, re.MULTILINE))

    assert len(named) >= 3
    assert named - VARIABLES == set()


def test_a_job_is_tried_again_only_after_errors_that_the_next_run_fixes() -> None:
    (codes,) = (rule["onExitCodes"] for rule in JOB["podFailurePolicy"]["rules"] if "onExitCodes" in rule)

    assert (codes["containerName"], codes["operator"]) == (CONTAINER["name"], "In")
    assert set(codes["values"]) == set(ExitCode) - SELF_HEALING
    assert (POD["restartPolicy"], CRONJOB["spec"]["concurrencyPolicy"]) == ("Never", "Forbid")


def test_volumes_are_where_the_image_keeps_its_data_and_its_user_may_write_there() -> None:
    (folder,) = re.findall(r"^VOLUME (\S+)$", DOCKERFILE, re.MULTILINE)
    (user,) = re.findall(r"useradd --uid (\d+)", DOCKERFILE)
    mounts = {mount["name"]: mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
    claims: dict[str, Any] = {volume["name"]: volume for volume in POD["volumes"]}

    assert f"WAREHOUSE__DATA_DIR={folder}" in DOCKERFILE
    assert mounts == {"data": folder, "tmp": "/tmp"}  # noqa: S108  # a folder of the container
    assert claims["data"]["persistentVolumeClaim"]["claimName"] == CLAIM["metadata"]["name"]
    assert {service["volumes"][0] for service in COMPOSE["services"].values()} == {f"data:{folder}"}
    assert {POD["securityContext"][name] for name in ("runAsUser", "runAsGroup", "fsGroup")} == {int(user)}


def test_what_the_image_copies_exists_and_is_let_in() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source
        for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
        for source in sources.split()
    }

    assert copied == let_in
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_the_secret_of_the_document_has_what_the_manifest_reads() -> None:
    keys = {one["valueFrom"]["secretKeyRef"]["key"]: one["valueFrom"]["secretKeyRef"] for one in CONTAINER["env"][1:]}
    created = set(re.findall(r"--from-literal=([\w-]+)=", DOCUMENT))

    assert {key for key, reference in keys.items() if not reference.get("optional")} == created
    assert {reference["name"] for reference in keys.values()} == set(re.findall(r"secret generic (\S+)", DOCUMENT))


def test_images_are_pinned_by_a_digest_and_both_stages_use_the_same() -> None:
    assert re.fullmatch(r"[\w./-]+@sha256:[0-9a-f]{64}", CONTAINER["image"])
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["${PYTHON}", "${PYTHON}"]
    assert {list(service["build"]["args"]) == ["PYTHON"] for service in COMPOSE["services"].values()} == {True}


def test_compose_builds_the_image_of_the_document_from_the_projects_root() -> None:
    for service in COMPOSE["services"].values():
        build = service["build"]
        context = (ROOT / "docs" / "docker" / build["context"]).resolve()
        assert (context, (context / build["dockerfile"]).exists()) == (ROOT, True)
    assert set(re.findall(r"compose\.yaml run --rm (\w+)", DOCUMENT)) == COMPOSE["services"].keys()
