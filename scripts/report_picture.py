"""Make the picture of a report: run `dlr test-registry --report` and let Chromium draw the top of the page.

    .venv/bin/python scripts/report_picture.py docs/pictures/report.png --registry localhost:5000

What is not this script's own goes to `dlr`. The run is a real one, and the picture shows what it found.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

WIDTH, HEIGHT = 960, 1010
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *(
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
    ),
)


def report(words: list[str], page: Path) -> None:
    """Test a registry. Raises SystemExit where that could not be done at all."""
    dlr = Path(sys.executable).parent / "dlr"
    done = subprocess.run([dlr, "test-registry", *words, "--report", page], check=False)
    if done.returncode not in {0, 1}:
        sys.exit(done.returncode)


def draw(page: Path, picture: Path, height: int, folder: Path) -> None:
    """Take a picture of the top of a page. Raises SystemExit where there is no browser."""
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        sys.exit("there is no Chromium; on Debian: sudo apt-get install chromium")
    size = (f"--window-size={WIDTH},{height}", "--force-device-scale-factor=1.5")
    argv = [
        browser,
        *_FLAGS,
        *size,
        f"--user-data-dir={folder / 'profile'}",
        f"--screenshot={folder / 'page.png'}",
    ]
    subprocess.run([*argv, page.as_uri()], check=True, timeout=120, stderr=subprocess.DEVNULL)
    picture.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / "page.png", picture)


def main() -> int:
    """Test, draw and write; return the exit code."""
    parser = argparse.ArgumentParser(description="Make the picture of a report from a real run.")
    parser.add_argument("picture", type=Path, help="where the PNG goes")
    parser.add_argument("--height", type=int, default=HEIGHT, help="how much of the page, in pixels")
    arguments, words = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        report(words, page)
        draw(page, arguments.picture, arguments.height, Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
