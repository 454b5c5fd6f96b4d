"""Headless Chromium, steered by the DevTools protocol: what it makes of a page, and what it complains of."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import websocket

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    *("--disable-dev-shm-usage", "--remote-debugging-port=0", "--remote-allow-origins=*"),
)
_SECONDS = 30.0


def find_browser() -> str | None:
    return next(filter(None, map(shutil.which, _NAMES)), None)


@dataclass(slots=True)
class Page:
    """One tab. `requests` are the addresses that it asked for, `complaints` all that went to its console."""

    _socket: websocket.WebSocket
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    _count: int = 0

    def open(self, url: str) -> None:
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.do(f"{domain}.enable")
        self._seen.clear()
        self.do("Page.navigate", url=url)
        end = time.monotonic() + _SECONDS
        while "Page.loadEventFired" not in self._seen:
            assert time.monotonic() < end, "the page does not end loading"
            self._take(json.loads(self._socket.recv()))

    def do(self, method: str, **parameters: Any) -> Any:
        self._count += 1
        self._socket.send(json.dumps({"id": self._count, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == self._count:
                assert "error" not in message, message
                return message["result"]
            self._take(message)

    def ask(self, expression: str) -> Any:
        """What a piece of JavaScript comes to, asked from outside: the page itself may forbid all scripts."""
        found = self.do("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def resize(self, width: int, height: int = 900) -> None:
        self.do(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    def prefer(self, scheme: str, media: str = "") -> None:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.do("Emulation.setEmulatedMedia", media=media, features=features)

    def _take(self, event: dict[str, Any]) -> None:
        self._seen.add(event["method"])
        match event["method"], event.get("params", {}):
            case "Network.requestWillBeSent", said:
                self.requests.append(said["request"]["url"])
            case "Log.entryAdded", said:
                self.complaints.append(said["entry"]["text"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown", said:
                self.complaints.append(str(said))


@contextmanager
def browser(program: str, folder: Path) -> Iterator[Page]:
    """Run the browser with a new profile until the block ends, and give its tab."""
    profile = folder / "profile"
    process = subprocess.Popen(
        [program, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        socket = websocket.create_connection(_tab(process, profile / "DevToolsActivePort"), timeout=_SECONDS)
        try:
            yield Page(socket)
        finally:
            socket.close()
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _tab(process: subprocess.Popen[bytes], port_file: Path) -> str:
    end = time.monotonic() + _SECONDS
    while not (port_file.exists() and port_file.read_text().count("\n")):
        assert process.poll() is None, "the browser has ended"
        assert time.monotonic() < end, "the browser does not start"
        time.sleep(0.05)
    port = port_file.read_text().split()[0]
    while True:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=_SECONDS) as answer:
            tabs = [each for each in json.load(answer) if each["type"] == "page"]
        if tabs:
            return str(tabs[0]["webSocketDebuggerUrl"])
        assert time.monotonic() < end, "the browser shows no page"
        time.sleep(0.05)
