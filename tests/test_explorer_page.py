"""The explorer in a real browser: Debian's Chromium, driven by Playwright."""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from explorer_data import GOOD, HOSTILE, LATE, RATED, STRANGE, write_evaluation, write_rows
from rows import reply

pytest.importorskip("gradio", reason="the explorer's extra is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="this machine has no Chromium: apt-get install chromium")

_LONGEST_START = 60.0  # seconds


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A running `petoolbench explore`."""
    folder = tmp_path_factory.mktemp("explorer")
    dataset = write_rows(folder)
    write_evaluation(folder / "results" / "good", GOOD, "hf:good")
    write_evaluation(
        folder / "results" / "half", [GOOD[0], reply("Cirrox"), reply("Dovarque", "{}"), HOSTILE], "hf:half"
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "petoolbench_cli", "explore", "--dataset", dataset, "--port", str(port)]
    with Path(folder, "output").open("wb") as output:
        process = subprocess.Popen([*command, "--results", folder / "results"], stdout=output, stderr=output)
    try:
        url, give_up = f"http://127.0.0.1:{port}/", time.monotonic() + _LONGEST_START
        while not _answers(url):
            assert process.poll() is None and time.monotonic() < give_up, Path(folder, "output").read_text()
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def _answers(url):
    try:
        return urllib.request.urlopen(url, timeout=5).status == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])  # tests may run as root
        yield running
        running.close()


@pytest.fixture
def page(browser, request):
    """A tab, 1280 pixels wide or as the test says, with what it asked for and what went wrong."""
    context = browser.new_context(viewport={"width": getattr(request, "param", 1280), "height": 800})
    tab = context.new_page()
    tab.asked, tab.wrong = [], []
    tab.on("request", lambda one: tab.asked.append(one.url))
    tab.on("pageerror", lambda error: tab.wrong.append(str(error)))
    tab.on("console", lambda message: tab.wrong.append(message.text) if message.type == "error" else None)
    yield tab
    context.close()
    assert tab.wrong == []


def open_page(page, url):
    page.goto(url)
    page.wait_for_selector(":is(.pe-list, .pe-models, .pe-row):visible")
    page.wait_for_load_state("networkidle")


def count(page, text):
    page.wait_for_function("t => document.querySelector('.pe .count')?.innerText.startsWith(t)", arg=text)


def test_a_search_filters_and_the_address_follows(page, address):
    open_page(page, address)
    count(page, "5 rows")
    page.get_by_label("Search").fill("oslo weather u1")
    count(page, "2 rows of 5")
    page.wait_for_url("**/?text=oslo+weather+u1")
    page.get_by_label("Setting").click()
    page.get_by_role("option", name="rating-integrated").click()
    count(page, "1 row of 5")
    page.wait_for_url("**/?setting=rating_integrated&text=oslo+weather+u1")
    page.get_by_role("link", name="clear filters").click()
    count(page, "5 rows")
    assert page.get_by_label("Search").input_value() == ""


def test_rows_that_a_model_got_wrong_are_found_by_error_type(page, address):
    open_page(page, address)
    page.get_by_label("Model").click()
    page.get_by_role("option", name="hf:half").click()
    page.get_by_label("Outcome").click()
    page.get_by_role("option", name="TPM").click()
    count(page, "1 row of 5")
    page.get_by_role("link", name=RATED["id"]).click()
    page.get_by_text("tool: TPM, tool preference mismatch").wait_for()


def test_a_shared_link_opens_its_row_with_its_filters(page, address):
    open_page(page, f"{address}?setting=chronological&row={LATE['id']}")
    page.locator("#pe-row-title").wait_for()
    count(page, "2 rows of 5")
    assert page.get_by_label("Setting").input_value() == "chronological"
    assert LATE["id"] in page.locator(".pe-row").inner_text()
    page.get_by_role("link", name="next row").click()
    page.wait_for_url(f"**/?setting=chronological&row={STRANGE['id']}")
    page.go_back()
    page.get_by_text(f"{LATE['id']} · chronological").wait_for()


def test_a_hostile_row_is_text(page, address):
    open_page(page, f"{address}?row={STRANGE['id']}")
    page.locator("#pe-row-title").wait_for()
    assert HOSTILE in page.locator("#pe-row-title .cut").inner_text()
    page.locator("#pe-row-title summary").click()
    assert len(page.locator("#pe-row-title").inner_text()) > 100_000
    page.get_by_text("raw reply").last.click()
    assert HOSTILE in page.locator(".answer pre").last.inner_text()
    parameters = page.locator(".card .parameters").last
    assert f"one of {HOSTILE}"[:20] in parameters.text_content()
    assert json.loads(parameters.locator("pre").last.text_content())["title"] == HOSTILE
    assert page.locator(".pe img, .pe script").count() == 0
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_nothing_is_asked_of_another_host(page, address):
    open_page(page, address)
    assert [url for url in page.asked if not url.startswith((address, "data:"))] == []


def test_the_leaderboard_leads_to_the_rows_behind_an_error(page, address):
    open_page(page, f"{address}?tab=models")
    assert page.get_by_role("region", name="Leaderboard").get_by_role("row").count() == 4
    page.locator(".stack a.TPM").click()
    count(page, "1 row of 5")
    assert page.get_by_label("Model").input_value() == "hf:half"


def test_the_keyboard_reaches_a_row_and_its_reply(page, address):
    open_page(page, address)
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.pe .items a')"):
            break
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 'pe-row-title'")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText") == "raw reply":
            break
    page.keyboard.press("Enter")
    assert page.locator(".answer details[open] pre").count() == 1


def test_a_link_gives_the_focus_to_what_it_led_to(page, address):
    open_page(page, address)
    page.get_by_role("link", name="Models").press("Enter")
    page.wait_for_function("document.activeElement.innerText === 'all settings'")
    page.get_by_role("link", name="Rows").press("Enter")
    page.wait_for_function("document.activeElement.matches('.pe-list .count')")


@pytest.mark.parametrize("page", [400], indirect=True)
def test_a_narrow_page_shows_one_thing_at_a_time_and_needs_no_sideways_scrolling(page, address):
    for query in ("", "?tab=models", f"?row={STRANGE['id']}"):
        open_page(page, address + query)
        assert page.evaluate("document.documentElement.scrollWidth") == 400
    assert not page.get_by_label("Search").is_visible()
    page.get_by_role("link", name="all rows").click()
    page.get_by_label("Search").wait_for()
