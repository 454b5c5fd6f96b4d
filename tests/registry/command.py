"""`dlr` as a test of it types it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from typer.testing import CliRunner

from ducklake_registry.cli.main import app


@dataclass(frozen=True)
class Command:
    """`dlr` with a registry, a cache and a home of the test's own."""

    registry: str
    environ: dict[str, str]

    def __call__(self, *words: str, code: int = 0, registry: str = "", text: str | None = None) -> Any:
        environ = self.environ | {"DLR_REGISTRY": registry or self.registry}
        done = CliRunner().invoke(app, list(words), env=environ, input=text)
        assert done.exit_code == code, done.output + repr(done.exception)
        return done

    def listed(self, *words: str, code: int = 0) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(
            self("list-registry-images", *words, "-o", "json", code=code).stdout
        )
        return found
