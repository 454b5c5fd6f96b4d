"""The generated page, and what the project says about itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from ducklake_registry import __version__
from ducklake_registry.errors import UsageError
from ducklake_registry.project import read_environment
from ducklake_registry.settings import ProjectFile

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = (ROOT / "docs" / "settings.md").read_text()


def script(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "docs.py"), *words],
        env=dict(os.environ) | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_page_is_what_the_help_says_whoever_asks() -> None:
    done = script("--check", COLUMNS="40", DLR_NAME="mine", KUBECONFIG="/mine", FORCE_COLOR="1", VERBOSE="1")
    assert done.returncode == 0, f"run `make docs`\n{done.stdout}{done.stderr}"


def test_the_page_shows_a_command_as_it_shows_itself() -> None:
    """The page is made in the script's own process; this is what somebody sees who types it."""
    done = subprocess.run(
        [sys.executable, "-m", "ducklake_registry", "deploy-registry", "--help"],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    page = (ROOT / "docs" / "cli.md").read_text()
    section = page.partition("## `dlr deploy-registry`\n\n```text\n")[2].partition("\n```")[0]
    assert _words(done.stdout) == _words(section)


def _words(text: str) -> list[str]:
    """Return what is said, however the lines are broken and the program is called."""
    return text.replace("python -m ducklake_registry", "dlr").split()


def test_a_page_that_differs_is_told(tmp_path: Path) -> None:
    """On a copy of the script beside another page."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "docs").mkdir()
    (copy := tmp_path / "scripts" / "docs.py").write_text((ROOT / "scripts" / "docs.py").read_text())
    page = tmp_path / "docs" / "cli.md"
    page.write_text("# Another\n")
    (settings := tmp_path / "docs" / "settings.md").write_text(SETTINGS.partition("| key | variable |")[0])

    def run(*words: str) -> int:
        return subprocess.run([sys.executable, copy, *words], capture_output=True, check=False).returncode

    assert run("--check") == 1
    assert page.read_text() == "# Another\n", "a check writes nothing"
    assert run() == 0
    assert page.read_text() == (ROOT / "docs" / "cli.md").read_text()
    assert settings.read_text() == SETTINGS
    assert run("--check") == 0


@pytest.mark.parametrize("table", ["environment", "environment.build"])
def test_the_page_of_the_settings_has_the_keys_of_the_environment(tmp_path: Path, table: str) -> None:
    (tmp_path / "Dockerfile").touch()
    values: dict[str, Any] = {"build": [{"image": "app"}]}
    (values if table == "environment" else values["build"][0])["zzz"] = "x"
    with pytest.raises(UsageError) as refused:
        read_environment(ProjectFile(tmp_path / "dlr.toml", {"environment": values}))
    known = str(refused.value.hint).partition(": ")[2].replace("_", "-").split(", ")

    section = SETTINGS.partition(f"`[[{table}]]`" if "." in table else f"`[{table}]`")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE) == known


def test_the_changelog_has_the_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    headings = re.findall(r"^## \[(.+?)\](?: - (.+))?$", text, re.MULTILINE)
    assert headings[0] == ("Unreleased", "")
    released = [version for version, _ in headings[1:]]
    assert all(re.fullmatch(r"\d{4}-\d{2}-\d{2}", date) for _, date in headings[1:])
    assert __version__ in released or f"`{__version__}`" in text


def test_the_package_says_what_it_is() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["scripts"] == {"dlr": "ducklake_registry.cli.main:main"}
    assert project["tool"]["hatch"]["version"]["path"] == "src/ducklake_registry/__init__.py"
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
    assert (ROOT / "src" / "ducklake_registry" / "py.typed").exists()
    assert "MIT License" in (ROOT / "LICENSE").read_text()


def test_the_picture_needs_nothing_from_elsewhere() -> None:
    pictures = list((ROOT / "docs" / "pictures").glob("*.svg"))
    if not pictures:
        pytest.skip("no picture has been recorded yet: scripts/record.py")
    for picture in pictures:
        # What is fetched, unlike an address that is only shown: links and fonts, those within the picture aside.
        assert re.findall(r"(?:(?:href|src)\s*=\s*|url\()[\"']?(?!#)[^\s\"')]+", picture.read_text()) == [], (
            picture
        )


def test_the_old_makefiles_targets_call_dlr() -> None:
    shims = re.search(r"^SHIMS := ((?:.*\\\n)*.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert shims
    assert set(shims[1].replace("\\", " ").split()) >= {
        *("deploy-registry", "build-and-push", "pull-from-registry", "list-registry-images", "registry-status"),
        *("test-registry", "clean-registry", "status", "destroy-kind"),
    }
