"""The help, and what it costs."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.testing import CliRunner

from ducklake_registry import __version__
from ducklake_registry.cli.main import app
from ducklake_registry.settings import ProjectFile

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Dlr

GROUP: Any = typer.main.get_command(app)
COMMANDS: dict[str, Any] = GROUP.commands

ONLY_TYPED = {
    *("--help", "--set-context", "--delete-data", "--watch", "--follow", "--previous", "--fix"),
    *("--prod", "--build-only", "--push-only", "--all-tags", "--tags", "--raw", "--tag-only"),
}
"""Options without an environment variable: what is meant for one time is said that time."""

COMMON = {
    "--context": ["DLR_CONTEXT"],
    "--kubeconfig": ["DLR_KUBECONFIG", "KUBECONFIG"],
    "--namespace": ["DLR_NAMESPACE"],
    "--registry": ["DLR_REGISTRY"],
    "--timeout": ["DLR_TIMEOUT"],
    "--dry-run": ["DLR_DRY_RUN"],
    "--yes": ["DLR_YES"],
    "--verbose": ["DLR_VERBOSE", "VERBOSE"],
    "--quiet": ["DLR_QUIET"],
    "--output": ["DLR_OUTPUT"],
}

EXPECTED = {
    "deploy-kind": {"--namespace", "--timeout", "--dry-run", "--verbose", "--quiet", "--kubeconfig"},
    "destroy-kind": {"--timeout", "--dry-run", "--yes", "--verbose", "--quiet", "--kubeconfig"},
    "status": {"--context", "--kubeconfig", "--output"},
    "build-and-push": {"--registry", "--username", "--timeout", "--dry-run", "--verbose", "--quiet", "--output"},
    "pull-from-registry": {"--registry", "--username", "--timeout", "--dry-run", "--quiet", "--output"},
    "registry-status": {
        *("--registry", "--username", "--timeout", "--context", "--kubeconfig", "--namespace", "--output"),
    },
    "save": {"--registry", "--timeout", "--dry-run", "--output", "--quiet"},
    "load": {"--registry", "--timeout", "--dry-run", "--output", "--quiet"},
    "test-registry": {
        *(
            "--registry",
            "--context",
            "--kubeconfig",
            "--namespace",
            "--timeout",
            "--output",
            "--verbose",
            "--quiet",
        ),
    },
    "logs": {"--context", "--kubeconfig", "--namespace", "--quiet"},
    "port-forward": {"--context", "--kubeconfig", "--namespace", "--quiet"},
    "deploy-registry": {
        *("--context", "--kubeconfig", "--namespace", "--timeout", "--dry-run", "--verbose", "--quiet"),
    },
    "clean-registry": {
        *("--context", "--kubeconfig", "--namespace", "--timeout", "--dry-run", "--yes", "--verbose", "--quiet"),
    },
}


def options_of(command: str) -> dict[str, Any]:
    return {name: each for each in COMMANDS[command].params for name in each.opts if name.startswith("--")}


def help_of(*words: str) -> str:
    result = CliRunner().invoke(app, [*words, "--help"], terminal_width=100, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself_with_an_example(command: str) -> None:
    text = help_of(command)
    summary, example = text.split("\n\n")[1].strip(), re.search(r"Example: (dlr \S+)", text)
    assert summary[0].isupper()
    assert example
    assert example[1] == f"dlr {command}"


@pytest.mark.parametrize("command", COMMANDS)
def test_each_example_is_one_that_can_be_typed(command: str) -> None:
    (example,) = re.findall(r"Example: dlr (.*(?:\n  \S.*)*)", help_of(command))
    words = example.split()[1:]
    COMMANDS[command].make_context(command, words)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_option_has_help_and_shows_its_variable(command: str) -> None:
    text = " ".join(help_of(command).split())
    for name, option in options_of(command).items():
        if name in ONLY_TYPED:
            continue
        assert option.help, name
        variables = [option.envvar] if isinstance(option.envvar, str) else option.envvar
        assert variables, f"{name} has no environment variable"
        assert any(each.startswith("DLR_") for each in variables)
        assert f"[env var: {', '.join(variables)}" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_common_options_are_the_same_everywhere(command: str) -> None:
    for name, option in options_of(command).items():
        if name in COMMON:
            variables = [option.envvar] if isinstance(option.envvar, str) else option.envvar
            assert variables == COMMON[name], name


@pytest.mark.parametrize("command", EXPECTED)
def test_each_command_has_the_common_options_it_should(command: str) -> None:
    assert EXPECTED[command] <= options_of(command).keys()


def test_a_variable_means_one_option() -> None:
    meanings: dict[str, set[str]] = {}
    for command in COMMANDS:
        for name, option in options_of(command).items():
            for variable in [option.envvar] if isinstance(option.envvar, str) else option.envvar or ():
                meanings.setdefault(variable, set()).add(name)
    del meanings["DLR_REGISTRY_IMAGE"]  # whose option deploy-registry takes under a second, shorter name
    assert {each: names for each, names in meanings.items() if len(names) > 1} == {}


def test_the_help_lists_every_command_in_its_panel() -> None:
    text = help_of()
    assert [name for name in COMMANDS if f"\n  {name} " not in text] == []
    assert text.index("Environment:") < text.index("Registry:")
    assert "Exit codes: 0 done, 1" in text


def test_h_is_help_and_no_words_too(dlr: Dlr) -> None:
    assert dlr("-h").stdout == dlr("--help").stdout
    assert "Usage: " in dlr().stdout + dlr().stderr


def test_the_version(dlr: Dlr) -> None:
    assert dlr("--version").stdout == f"dlr {__version__}\n"


@pytest.mark.parametrize("words", [["--version", "--verbose"], ["-v", "--version"]])
def test_the_versions_of_what_it_talks_to_where_nothing_is(dlr: Dlr, words: list[str]) -> None:
    done = dlr(*words, PATH="/nowhere")
    assert (done.returncode, done.stderr) == (0, "")
    first, python, engine, buildx, kind, kubernetes = done.stdout.splitlines()
    assert first == f"dlr {__version__}"
    assert f" {sys.version_info.major}.{sys.version_info.minor}." in python
    assert "the Docker Engine does not answer: nothing listens on its socket" in engine
    assert "is not here" in buildx
    assert "`kind` is not installed" in kind
    assert "no context in " in kubernetes


def test_verbose_may_be_said_before_the_command(dlr: Dlr, folder: Path) -> None:
    (folder / "dlr.toml").write_text('timeout = "1m"\n')
    words = ("deploy-kind", "--dry-run")
    assert dlr("--verbose", *words).stderr == dlr(*words, "--verbose").stderr != dlr(*words).stderr
    default = GROUP.defaults(ProjectFile(), verbose=True)
    assert default["deploy-kind"]["verbose"] == "true"
    assert "verbose" not in default["logs"], "which has no such option"


_HEAVY = ("backports", "kubernetes", "docker", "httpx", "aiohttp", "yaml", "psutil", "requests")


@pytest.mark.parametrize("words", [["--help"], ["deploy-kind", "--help"], ["--version"]])
def test_the_help_loads_nothing_heavy(words: list[str]) -> None:
    script = (
        "import sys\nfrom ducklake_registry.cli.main import main\n"
        f"sys.argv = ['dlr', *{words!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n"
        "    print(*(name for name, module in sys.modules.items() if module), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert "typer" in loaded
    assert not loaded & set(_HEAVY)


def test_a_command_loads_what_it_needs_and_no_more(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom ducklake_registry.cli.main import main\n"
        "sys.argv = ['dlr', 'save', 'localhost:1/app', 'app.tar', '--timeout', '1s']\n"
        "try:\n    main()\nexcept SystemExit:\n    print(*sys.modules)\n"
    )
    words = [sys.executable, "-c", script]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "httpx" in loaded
    assert "click" not in loaded, "which httpx's command line brings"
    assert not {"rich", "tomllib"} & set(loaded), "here is neither a screen nor a project"
    assert "ducklake_registry.cli.transfer" in loaded
    assert "ducklake_registry.cli.images" not in loaded


def test_the_help_is_the_same_wherever_it_is_piped(dlr: Dlr) -> None:
    assert "\x1b" not in dlr("--help", FORCE_COLOR="1", TERM="xterm-256color").stdout
