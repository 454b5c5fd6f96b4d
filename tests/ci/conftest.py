"""The engine and the registries of tests/engine."""

from tests.engine.conftest import (  # noqa: F401
    _engine_answers,
    engine,
    project,
    registry,
    registry_folder,
    socket,
    with_password,
)
