"""The options of `dlr test-registry`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ducklake_registry.acceptance.check import Category
from ducklake_registry.cli.options import duration, quantity

Categories = Annotated[
    list[Category] | None,
    typer.Option(
        "--category",
        envvar="DLR_CATEGORY",
        metavar="CATEGORY",
        help=f"Make only the checks of this category ({', '.join(Category)}); repeatable.",
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        envvar="DLR_EXCLUDE",
        metavar="CHECK",
        help='Leave out a category or a check, like "tags/pages" or "performance/ping-*"; repeatable.',
    ),
]
Disruptive = Annotated[
    bool, typer.Option("--disruptive", envvar="DLR_DISRUPTIVE", help="Replace the registry's pod, as a check.")
]
MaxP95 = Annotated[
    float | None,
    typer.Option(
        "--max-p95",
        envvar="DLR_MAX_P95",
        metavar="DURATION",
        parser=duration,
        help='Fail when 95 of 100 answers take longer, like "50ms".',
    ),
]
MinThroughput = Annotated[
    str | None,
    typer.Option(
        envvar="DLR_MIN_THROUGHPUT",
        metavar="QUANTITY",
        parser=quantity,
        help='Fail when fewer bytes go up or down in a second, like "50Mi".',
    ),
]
Baseline = Annotated[
    Path | None,
    typer.Option(envvar="DLR_BASELINE", metavar="FILE", help="Show the change since an earlier run's -o json."),
]
Junit = Annotated[
    Path | None, typer.Option(envvar="DLR_JUNIT", metavar="FILE", help="Write the results for CI systems too.")
]
Report = Annotated[
    Path | None,
    typer.Option(
        envvar="DLR_REPORT", metavar="FILE", help="Write a page for people too (HTML), with plots of the timings."
    ),
]
