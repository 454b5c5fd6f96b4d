"""Compare saving and loading a large image with crane, skopeo and oras, in turns against one registry.

The image is that of seed.py --large; every round loads into a new repository, so that all bytes go up.

    python benchmarks/transfer.py localhost:5000 --rounds 3
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import resource

IMAGE = "bench/large:v1"

SAVE = """
import sys
from pathlib import Path
from ducklake_registry.reference import Reference
from ducklake_registry.registry import RegistryClient, load, save
what, registry, name, folder = sys.argv[1:]
with RegistryClient(registry) as client:
    function = {"save": lambda: save(client, Reference.parse(name), Path(folder)),
                "load": lambda: load(client, Path(folder), Reference.parse(name))}[what]
    function()
"""


def tools(registry: str, target: str, folder: Path, source: Path) -> dict[str, list[str]]:
    """The command of each tool that is installed, for saving and for loading."""
    image, copy = f"{registry}/{IMAGE}", f"{registry}/{target}:v1"
    commands = {
        "save: dlr": [sys.executable, "-c", SAVE, "save", registry, image, str(folder)],
        "save: crane": ["crane", "pull", "--insecure", "--format=oci", image, str(folder)],
        "save: skopeo": ["skopeo", "copy", "--src-tls-verify=false", f"docker://{image}", f"oci:{folder}:v1"],
        "save: oras": ["oras", "copy", "--from-plain-http", "--to-oci-layout", image, f"{folder}:v1"],
        "load: dlr": [sys.executable, "-c", SAVE, "load", registry, copy, str(source)],
        "load: crane": ["crane", "push", "--insecure", str(source), copy],
        "load: skopeo": ["skopeo", "copy", "--dest-tls-verify=false", f"oci:{source}:v1", f"docker://{copy}"],
        "load: oras": ["oras", "copy", "--to-plain-http", "--from-oci-layout", f"{source}:v1", copy],
    }
    return {name: words for name, words in commands.items() if shutil.which(words[0])}


def measure(words: list[str]) -> tuple[float, int]:
    """Wall-clock seconds and the peak of resident memory in bytes."""
    start = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    assert process.stderr
    if status:
        raise SystemExit(f"{' '.join(words)}\n{process.stderr.read().decode()}")
    process.stderr.close()
    process.returncode = 0
    return seconds, resident(usage)


def resident(usage: resource.struct_rusage) -> int:
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("registry")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    times: dict[str, list[float]] = {}
    memory: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "source"
        subprocess.run(
            [sys.executable, "-c", SAVE, "save", options.registry, f"{options.registry}/{IMAGE}", source],
            check=True,
        )
        for number in range(options.rounds):
            for tool in tools(options.registry, "", Path(), source):
                target = f"bench/copy{os.getpid()}-{number}-{tool.partition(': ')[2]}"
                folder = Path(name) / "saved"
                seconds, peak = measure(tools(options.registry, target, folder, source)[tool])
                shutil.rmtree(folder, ignore_errors=True)
                times.setdefault(tool, []).append(seconds)
                memory[tool] = max(peak, memory.get(tool, 0))
                print(f"{tool:14} {seconds:6.2f} s {peak // 1_000_000:5} MB", flush=True)
    print(f"\nmedians of {options.rounds} rounds")
    for tool, found in times.items():
        print(f"{tool:14} {statistics.median(found):6.2f} s {memory[tool] // 1_000_000:5} MB")


if __name__ == "__main__":
    main()
