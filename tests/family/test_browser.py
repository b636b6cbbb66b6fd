"""MLflow's pages of a comparison in a real browser: the page of the run with table and picture, its runs, the charts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from tests.conftest import COMMAND, CommandLine
from tests.family.conftest import MEMBERS

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

PATIENCE = 90.0
"""Seconds that a page has, on a machine that may be busy; it takes one or two."""
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1400,1100"
)
Seen = TypeVar("Seen")


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A browser that nobody has used before."""
    programs = [shutil.which("chromium"), shutil.which("chromedriver")]
    if None in programs:
        pytest.skip("Chromium is not installed: apt-get install chromium chromium-driver")
    selenium = pytest.importorskip("selenium.webdriver")
    options = selenium.ChromeOptions()
    options.binary_location, driver = programs
    for flag in (*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.page_load_strategy = "eager"  # what is waited for is said below
    browser = selenium.Chrome(options=options, service=selenium.ChromeService(driver))
    browser.set_script_timeout(PATIENCE)
    browser.set_page_load_timeout(PATIENCE)
    yield browser
    browser.quit()


@pytest.fixture(scope="module")
def pages(chromium: Chrome, uninterrupted: tuple[CommandLine, Any]) -> Iterator[dict[str, str]]:
    """The links that `convspec ui` prints for the comparison, while it serves them."""
    convspec, report = uninterrupted
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [*COMMAND, "ui", report["run_id"][:8], "--port", str(port), "--json"],
        cwd=convspec.folder,
        env=dict(convspec.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert server.stdout is not None
        said = json.loads(server.stdout.readline())
        wait_until(lambda: answers(f"{said['url']}/health"))
        yield said["pages"]
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.communicate()


def wait_until(look: Callable[[], Seen]) -> Seen:
    """What is seen as soon as anything is."""
    deadline = time.monotonic() + PATIENCE
    while not (seen := look()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.2)
    return seen


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def see(chromium: Chrome, script: str) -> Any:
    """The value of an expression of the page's own language, as soon as it is one."""
    try:
        return wait_until(lambda: chromium.execute_script(f"return {script}"))
    except AssertionError:
        text = chromium.execute_script("return document.body.innerText")
        raise AssertionError(f"The page never fulfils {script}. It says:\n{text}") from None


def open_page(chromium: Chrome, link: str) -> None:
    """A page from the beginning: a link differs from the one before only behind the #, which alone loads nothing anew."""
    chromium.get("about:blank")
    chromium.get(link)
    if "CONVSPEC_SCREENSHOTS" in os.environ:
        time.sleep(10)
        chromium.save_screenshot(f"{os.environ['CONVSPEC_SCREENSHOTS']}/{len(link)}.png")


def texts(selector: str) -> str:
    """An expression for the texts of all elements that a selector finds."""
    return f"[...document.querySelectorAll('{selector}')].map(each => each.textContent.trim())"


TEXT = "document.body.innerText.replace(/\\s+/g, ' ')"
"""An expression for all that a page says."""


def test_the_page_of_the_run_shows_what_was_found(
    chromium: Chrome, pages: dict[str, str], uninterrupted: tuple[CommandLine, Any]
) -> None:
    open_page(chromium, pages["run"])
    see(chromium, f"{TEXT}.includes('small comparison')")
    cells = see(chromium, f"{texts('table td')}.length > 20 && {texts('table td')}")
    best, report = uninterrupted[1]["best"], uninterrupted[1]["architectures"]
    assert (cells[0], cells[2]) == (best, f"{report[0]['mean']:.4f}")
    assert see(chromium, "document.querySelector('img[src*=\"intervals.png\"]')?.naturalWidth") > 300
    see(chromium, f"{TEXT}.includes('mean/accuracy/test/{best}')")
    page = see(chromium, TEXT)
    assert all(name in page for name in MEMBERS)
    assert "xs_and_os (" in page


def test_the_picture_is_there(chromium: Chrome, pages: dict[str, str]) -> None:
    open_page(chromium, pages["pictures"])
    assert see(chromium, 'document.querySelector(\'img[alt*="intervals"], img[src^="blob:"]\')?.naturalWidth') > 300
    assert "comparison.md" in see(chromium, TEXT)


def test_the_runs_stand_below_their_architectures(chromium: Chrome, pages: dict[str, str]) -> None:
    open_page(chromium, pages["runs"])
    see(chromium, f"{texts('a')}.filter(name => / seed [123]$/.test(name)).length >= 6")
    assert sorted(name for name in see(chromium, texts("a")) if name in MEMBERS) == MEMBERS
    page = see(chromium, TEXT)
    assert all(f"Group: {name}" in page for name in ("plain", "stage"))
    assert "accuracy/test" in page


def test_charts_compare_the_architectures_at_a_glance(chromium: Chrome, pages: dict[str, str]) -> None:
    open_page(chromium, pages["charts"])
    see(chromium, f"{TEXT}.includes('At a glance (3)')")
    see(chromium, "document.querySelectorAll('.barlayer .point').length == 2")
    see(chromium, "document.querySelectorAll('.scatterlayer .point').length >= 4")
    see(chromium, "document.querySelectorAll('.scatterlayer .js-line').length >= 2")
    page = see(chromium, TEXT)
    assert "Training curves (4)" in page
    assert "size/parameters vs. accuracy/test" in page


def test_the_best_stand_side_by_side(chromium: Chrome, pages: dict[str, str]) -> None:
    open_page(chromium, pages["compare"])
    see(chromium, f"{TEXT}.includes('Comparing 6 Runs from 1 Experiment')")
    assert all(name in see(chromium, TEXT) for name in MEMBERS)
