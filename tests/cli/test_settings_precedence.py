"""Option before environment before file before default, seen in what `--dry-run` would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ducklake_registry.settings import ProjectFile
from tests.cli.test_help import GROUP

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Dlr

DEFAULT, FILE, VARIABLE, OPTION = "5000", "5001", "5002", "5003"


@pytest.mark.parametrize(
    ("in_file", "in_environment", "typed", "expected"),
    [
        (False, False, False, DEFAULT),
        (True, False, False, FILE),
        (True, True, False, VARIABLE),
        (True, True, True, OPTION),
        (False, True, False, VARIABLE),
        (True, False, True, OPTION),
    ],
)
def test_who_has_the_say(
    in_file: bool, in_environment: bool, typed: bool, expected: str, dlr_here: Dlr, folder: Path
) -> None:
    if in_file:
        (folder / "dlr.toml").write_text(f"host_port = {FILE}\n")
    words = ["--host-port", OPTION] if typed else []
    variables = {"DLR_HOST_PORT": VARIABLE} if in_environment else {}
    done = dlr_here("deploy-kind", "--dry-run", *words, **variables)
    assert done.returncode == 0
    assert f"localhost:{expected}/" in done.stdout


@pytest.mark.parametrize(
    ("settings", "variables", "expected"),
    [
        ("", {}, DEFAULT),
        (f"host-port = {FILE}", {}, FILE),
        (f"host-port = {FILE}", {"DLR_HOST_PORT": VARIABLE}, VARIABLE),
        (f"host-port = {FILE}", {"DLR_REGISTRY": f"localhost:{VARIABLE}"}, VARIABLE),
        (f'host-port = {FILE}\nregistry = "localhost:{OPTION}"', {"DLR_HOST_PORT": VARIABLE}, OPTION),
    ],
)
def test_the_registry_is_where_the_cluster_will_have_it(
    settings: str, variables: dict[str, str], expected: str, dlr_here: Dlr, folder: Path
) -> None:
    (folder / "dlr.toml").write_text(settings)
    (folder / "Dockerfile").write_text("FROM scratch\n")
    pushed = dlr_here("build-and-push", "--dry-run", "--tag", "v1", **variables)
    assert f"Push localhost:{expected}/ducklake-backend:v1, latest" in pushed.stdout, pushed.stderr
    pulled = dlr_here("pull-from-registry", "app:v1", "--dry-run", **variables)
    assert f"localhost:{expected}/app:v1" in pulled.stdout, pulled.stderr
    for words in (("list-registry-images",), ("inspect", "app"), ("delete-image", "app", "--dry-run")):
        refused = dlr_here(*words, "--timeout", "1s", **variables)
        assert f"localhost:{expected}" in refused.stderr or refused.returncode == 0, refused.stderr


@pytest.mark.parametrize("key", ["host-port", "host_port"])
@pytest.mark.parametrize("name", ["dlr.toml", "pyproject.toml"])
def test_a_setting_has_its_options_name(name: str, key: str, dlr_here: Dlr, folder: Path) -> None:
    table = "[tool.dlr]\n" if name == "pyproject.toml" else ""
    (folder / name).write_text(f"{table}{key} = 5007\n")
    assert "localhost:5007/" in dlr_here("deploy-kind", "--dry-run").stdout


def test_the_projects_image_is_not_the_registrys() -> None:
    """deploy-registry takes --image for --registry-image, but in a file that word is the project's."""
    defaults = GROUP.defaults(ProjectFile(values={"image": "ducklake-backend"}))
    assert defaults["build-and-push"] == {"image": "ducklake-backend"}
    assert defaults["deploy-registry"] == {}


def test_a_setting_may_be_for_another_command(dlr_here: Dlr, folder: Path) -> None:
    (folder / "dlr.toml").write_text('storage_size = "50Gi"\nyes = true\n')
    assert dlr_here("deploy-kind", "--dry-run").returncode == 0


def test_settings_are_read_as_options_are(dlr_here: Dlr, folder: Path) -> None:
    (folder / "dlr.toml").write_text('timeout = "5x"\n')
    done = dlr_here("deploy-kind", "--dry-run")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'--timeout'" in done.stderr
    assert "'5x' is no duration" in done.stderr


@pytest.mark.parametrize("value", ["true", "[1]", "{}", '"many"', "1.5", "99999"])
def test_a_setting_of_the_wrong_kind(value: str, dlr_here: Dlr, folder: Path) -> None:
    (folder / "dlr.toml").write_text(f"host_port = {value}\n")
    done = dlr_here("deploy-kind", "--dry-run")
    assert "Traceback" not in done.stderr
    assert done.returncode == 2, done.stdout


@pytest.mark.parametrize("value", ["3", "true", "[]", "{}"])
@pytest.mark.parametrize("key", ["timeout", "namespace", "name", "config", "node_image", "dry_run"])
def test_no_setting_ends_in_a_traceback(key: str, value: str, dlr_here: Dlr, folder: Path) -> None:
    (folder / "dlr.toml").write_text(f"{key} = {value}\n")
    done = dlr_here("deploy-kind", "--dry-run")
    assert "Traceback" not in done.stderr
    assert done.returncode in {0, 2}


def test_a_list_where_one_value_is_taken(dlr_here: Dlr, folder: Path) -> None:
    (folder / "dlr.toml").write_text("host_port = [5001, 5002]\n")
    done = dlr_here("deploy-kind", "--dry-run")
    assert done.returncode == 2
    assert done.stderr == f"error: {folder}/dlr.toml: host_port is one value, not a list\n"


def test_one_alone_stands_for_a_list_of_one(dlr_here: Dlr, folder: Path) -> None:
    (folder / "dlr.toml").write_text('tag = "v1"\n')
    (folder / "Dockerfile").write_text("FROM scratch\n")
    done = dlr_here("build-and-push", "--dry-run")
    assert (done.returncode, ":v1" in done.stdout) == (0, True), done.stderr


def test_a_moment_that_is_none(dlr_here: Dlr) -> None:
    done = dlr_here("build-and-push", "--dry-run", "--tag=v1", SOURCE_DATE_EPOCH="1700000000000")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_an_unknown_setting_and_what_was_meant(dlr_here: Dlr, folder: Path) -> None:
    (folder / "dlr.toml").write_text("host_prt = 5001\n")
    done = dlr_here("deploy-kind", "--dry-run")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"error: {folder}/dlr.toml: there is no setting 'host_prt'",
        "hint: did you mean host_port?",
    ]


def test_an_unknown_setting_like_nothing_else(dlr_here: Dlr, folder: Path) -> None:
    (folder / "dlr.toml").write_text("zzz = 1\n")
    done = dlr_here("deploy-kind", "--dry-run")
    assert done.returncode == 2
    assert "hint: a setting has its option's name" in done.stderr


def test_bad_toml(dlr_here: Dlr, folder: Path) -> None:
    (folder / "dlr.toml").write_text("host_port =\n")
    done = dlr_here("deploy-kind", "--dry-run")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {folder}/dlr.toml is not TOML: ")


@pytest.mark.parametrize(
    ("words", "variables"),
    [(["--verbose"], {}), (["-v"], {}), ([], {"VERBOSE": "1"}), ([], {"DLR_VERBOSE": "true"})],
)
def test_verbose_names_the_file(words: list[str], variables: dict[str, str], dlr_here: Dlr, folder: Path) -> None:
    (folder / "dlr.toml").write_text("host_port = 5001\n")
    done = dlr_here("deploy-kind", "--dry-run", *words, **variables)
    assert f"settings: {folder}/dlr.toml" in done.stderr


@pytest.mark.parametrize("variables", [{}, {"VERBOSE": "0"}, {"DLR_VERBOSE": "false"}, {"VERBOSE": ""}])
def test_else_it_is_not_named(variables: dict[str, str], dlr_here: Dlr, folder: Path) -> None:
    (folder / "dlr.toml").write_text("host_port = 5001\n")
    assert dlr_here("deploy-kind", "--dry-run", **variables).stderr == ""


@pytest.mark.parametrize("variables", [{"DLR_HOST_PORT": ""}, {"DLR_NAMESPACE": ""}, {"DLR_TIMEOUT": ""}])
def test_an_empty_variable_says_nothing(variables: dict[str, str], dlr_here: Dlr) -> None:
    assert dlr_here("deploy-kind", "--dry-run", **variables).returncode == 0


def test_each_setting_means_one_thing(dlr_here: Dlr, folder: Path) -> None:
    """An option is set by its variable's name; `--platform` of a build and of a look, the two contexts, differ."""
    (folder / "Dockerfile").write_text("FROM scratch\n")
    settings = (
        'image = "team/app"\nregistry_image = "registry:3"\ncontext = "production"\nplatform = "linux/arm64"\n'
    )
    (folder / "dlr.toml").write_text(f'{settings}build_platform = ["linux/amd64", "linux/arm64"]\n')
    built = dlr_here("build-and-push", "--dry-run", "--tag", "v1")
    assert built.returncode == 0, built.stderr
    assert "Build localhost:5000/team/app:v1, latest from . and push with buildx" in built.stdout
    assert "registry:3" in dlr_here("deploy-kind", "--dry-run").stdout
    asked = dlr_here("inspect")
    assert asked.returncode == 2, "the image to look at is said each time"
    assert "missing argument 'IMAGE'" in asked.stderr


@pytest.mark.parametrize(
    "setting", ["prod = true", "delete_data = true", "build_only = true", "set_context = true"]
)
def test_what_is_said_for_one_time_is_no_setting(setting: str, dlr_here: Dlr, folder: Path) -> None:
    (folder / "dlr.toml").write_text(f"{setting}\n")
    done = dlr_here("status")
    assert done.returncode == 2
    assert f"there is no setting '{setting.split(maxsplit=1)[0]}'" in done.stderr
