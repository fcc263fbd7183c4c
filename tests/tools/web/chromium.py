"""A real Chromium, headless, and the page in it."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.pointer_input import PointerInput
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.root import ROOT

PATIENCE = 20.0  # s, far beyond what any step takes on a busy machine
SETTLED = 0.15  # s in which the page, having changed, is laid out and drawn anew
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--window-size=1920,1080",
)  # fmt: skip


def program(*names: str) -> str:
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip(f"{names[0]} is not installed: apt-get install chromium chromium-driver")
    return path


@contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """One browser; its profile is gone afterwards."""
    options = webdriver.ChromeOptions()
    options.binary_location = program("chromium", "chromium-browser", "google-chrome")
    driver = program("chromedriver")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for flag in (*FLAGS, f"--user-data-dir={folder}/profile"):
            options.add_argument(flag)
        options.add_experimental_option("prefs", {"download.default_directory": f"{folder}/downloads"})
        browser = webdriver.Chrome(options=options, service=Service(driver))
        browser.downloads = Path(folder, "downloads")  # type: ignore[attr-defined]
        try:
            yield browser
        finally:
            browser.quit()


@contextmanager
def page_server(results: str, *more: str) -> Iterator[str]:
    """`musse-stream web` as a process, without a tape process; yields the page's address."""
    more = more if "--keep" in more else ("--keep", "tcp://127.0.0.1:9", *more)
    command = [
        sys.executable,
        "-m",
        "tools",
        "web",
        "--connect",
        results,
        "--bind",
        "127.0.0.1:0",
        "--json",
        *more,
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
    ) as child:
        try:
            assert child.stdout is not None
            yield json.loads(child.stdout.readline())["page"]
        finally:
            with suppress(ProcessLookupError):
                child.terminate()
            assert child.wait(30) == 0


class Page:
    """The page, as a person uses it."""

    def __init__(self, browser: webdriver.Chrome, address: str) -> None:
        self.browser = browser
        browser.get(address)
        self.wait(lambda: self.state("s.frame !== null"), "the first image")

    def element(self, name: str) -> WebElement:
        return self.browser.find_element(By.ID, name)

    def text(self, name: str) -> str:
        return self.element(name).text

    def click(self, name: str) -> None:
        self.element(name).click()

    def run(self, script: str, *arguments: Any) -> Any:
        return self.browser.execute_script(script, *arguments)

    def state(self, expression: str) -> Any:
        """An expression of the last state `s` that the page got; None before the first."""
        return self.run(f"const s = window.musse && musse.state; return s ? ({expression}) : null")

    def wait(self, found: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
        """Until it is so."""
        self.wait_for(found, what, seconds)

    def wait_for(self, found: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
        """What `found` returns once it is true."""
        begun = time.monotonic()
        while True:
            with suppress(WebDriverException):
                if value := found():
                    return value
            assert time.monotonic() - begun < seconds, f"{what} did not come within {seconds:g} s"

    def drag(
        self, canvas: str, start: tuple[float, float], end: tuple[float, float], *, finger: bool = False
    ) -> None:
        """Drag with the mouse or a finger between two points given in mm, once the image stands still."""
        points = self._pixels(canvas, start, end)
        time.sleep(SETTLED)
        while (now := self._pixels(canvas, start, end)) != points:  # a new row of the table has moved it
            points = now
            time.sleep(SETTLED)
        element = self.element(canvas)
        pointers = [PointerInput("touch", "finger")] if finger else []  # type: ignore[no-untyped-call]
        chain = ActionChains(self.browser, duration=50, devices=pointers)  # type: ignore[arg-type]
        chain.move_to_element_with_offset(element, *map(round, points[0])).click_and_hold()
        chain.move_to_element_with_offset(element, *map(round, points[1])).release().perform()

    def _pixels(self, canvas: str, *points: tuple[float, float]) -> list[list[float]]:
        """Points in mm as pixels from the middle of a canvas; then the canvas on the screen."""
        return self.run(  # type: ignore[no-any-return]
            "const v = musse.views.find((v) => v.canvas.id === arguments[0]);"
            "const box = v.canvas.getBoundingClientRect(), k = v.canvas.width / box.width;"
            "const at = arguments[1].map((p) => {"
            "  const [x, y] = v.toScreen(...p); return [x / k - box.width / 2, y / k - box.height / 2]; });"
            "return [...at, [box.x, box.y, box.width, box.height]]",
            canvas, points,
        )  # fmt: skip

    def mode(self, name: str) -> None:
        self.browser.find_element(By.CSS_SELECTOR, f"[data-mode={name}]").click()
