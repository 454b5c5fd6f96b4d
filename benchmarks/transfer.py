"""Compare saving and loading a large image with crane, skopeo, oras and regctl, in turns against one registry.

The image is that of seed.py --large; every round loads into a new repository, so that all bytes go up.

    python benchmarks/transfer.py localhost:5000 --rounds 3
"""

from __future__ import annotations

import argparse
import os
import random
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

DLR = str(Path(sys.executable).with_name("dlr"))
# Where skopeo notes which registry has which blob; with it, it mounts what it should send.
SKOPEO_CACHE = Path("/var/lib/containers/cache"), Path.home() / ".local/share/containers/cache"


def tools(registry: str, target: str, folder: Path, source: Path) -> dict[str, list[str]]:
    """The command of each tool that is installed, for saving and for loading."""
    image, copy = f"{registry}/{IMAGE}", f"{registry}/{target}:v1"
    plain = ["--verbosity=error", f"--host=reg={registry},tls=disabled"]
    commands = {
        "save: dlr": [DLR, "save", image, str(folder), "--quiet"],
        "save: dlr tar": [DLR, "save", image, f"{folder}.tar", "--quiet"],
        "save: crane": ["crane", "pull", "--insecure", "--format=oci", image, str(folder)],
        "save: skopeo": ["skopeo", "copy", "--src-tls-verify=false", f"docker://{image}", f"oci:{folder}:v1"],
        "save: oras": ["oras", "copy", "--from-plain-http", "--to-oci-layout", image, f"{folder}:v1"],
        "save: regctl": ["regctl", *plain, "image", "copy", image, f"ocidir://{folder}:v1"],
        "load: dlr": [DLR, "load", str(source), copy, "--quiet"],
        "load: dlr tar": [DLR, "load", f"{source}.tar", copy, "--quiet"],
        "load: crane": ["crane", "push", "--insecure", str(source), copy],
        "load: skopeo": ["skopeo", "copy", "--dest-tls-verify=false", f"oci:{source}:v1", f"docker://{copy}"],
        "load: oras": ["oras", "copy", "--to-plain-http", "--from-oci-layout", f"{source}:v1", copy],
        "load: regctl": ["regctl", *plain, "image", "copy", f"ocidir://{source}:v1", copy],
    }
    return {name: words for name, words in commands.items() if shutil.which(words[0])}


def measure(words: list[str]) -> tuple[float, float, int]:
    """Wall-clock seconds, the processor's seconds, and the peak of resident memory in bytes."""
    start = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    assert process.stderr
    if status:
        raise SystemExit(f"{' '.join(words)}\n{process.stderr.read().decode()}")
    process.stderr.close()
    process.returncode = 0
    return seconds, usage.ru_utime + usage.ru_stime, resident(usage)


def resident(usage: resource.struct_rusage) -> int:
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def clean(folder: Path) -> None:
    """Leave nothing that a tool could find again."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.with_suffix(".tar").unlink(missing_ok=True)
    for cache in SKOPEO_CACHE:
        for file in cache.glob("blob-info-cache*"):
            file.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("registry")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    times: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}
    memory: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as name:
        source, folder = Path(name) / "source", Path(name) / "saved"
        for target in (source, f"{source}.tar"):
            subprocess.run([DLR, "save", f"{options.registry}/{IMAGE}", target, "--quiet"], check=True)
        for number in range(options.rounds):
            names = list(tools(options.registry, "", folder, source))
            random.shuffle(names)
            for tool in names:
                target = f"bench/copy{os.getpid()}-{number}-{tool.partition(': ')[2].replace(' ', '-')}"
                seconds, busy, peak = measure(tools(options.registry, target, folder, source)[tool])
                clean(folder)
                times.setdefault(tool, []).append(seconds)
                cpu.setdefault(tool, []).append(busy)
                memory[tool] = max(peak, memory.get(tool, 0))
                print(f"{tool:14} {seconds:6.2f} s {busy:6.2f} s cpu {peak // 1_000_000:5} MB", flush=True)
    print(f"\nmedians of {options.rounds} rounds")
    for tool in sorted(times):
        found = f"{statistics.median(times[tool]):6.2f} s (best {min(times[tool]):5.2f} s)"
        print(f"{tool:14} {found} {statistics.median(cpu[tool]):6.2f} s cpu {memory[tool] // 1_000_000:5} MB")


if __name__ == "__main__":
    main()
