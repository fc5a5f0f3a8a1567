"""The explorer in a real browser: Debian's Chromium, driven by Playwright."""

import shutil
import threading
import time

import pytest
from block_rows import block, override
from explorer_data import HOSTILE, LATE, STRANGE, write_evaluation, write_rows
from rows import reply

uvicorn = pytest.importorskip("uvicorn", reason="the explorer's extra is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="this machine has no Chromium: apt-get install chromium")

from petoolkit.explorer.content import read_content  # noqa: E402
from petoolkit.explorer.server import hosts_of  # noqa: E402
from petoolkit.explorer.web_app import make_app  # noqa: E402

RATED = [one for one in block() if one["id"].endswith("rating_integrated")]
ROWS = [*RATED, LATE, STRANGE]
GOOD = [reply(one["tool_call"]["tool_name"].split(">.<")[1]) for one in ROWS]
HALF = [reply("Cirrox"), reply("Cirrox"), reply("Dovarque", "{}", "convert"), f"<think>{HOSTILE}</think> {HOSTILE}"]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A running page."""
    folder = tmp_path_factory.mktemp("explorer")
    results = [
        write_evaluation(folder / "good", GOOD, "hf:good", ROWS),
        write_evaluation(folder / "half", HALF, "hf:half", ROWS, window=4000, protocol="prompt"),
    ]
    content = read_content(write_rows(folder, [*ROWS, override(setting="rating_integrated")]), None, results)
    config = uvicorn.Config(make_app(content, hosts_of("127.0.0.1")), port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    server.should_exit = True
    thread.join(20)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])  # tests may run as root
        yield running
        running.close()


@pytest.fixture
def page(browser, request):
    """A tab, 1280 pixels wide or as the test says, with what it asked for and what went wrong."""
    options = getattr(request, "param", {})
    width = {"viewport": {"width": options.get("width", 1280), "height": 800}}
    context = browser.new_context(**width, java_script_enabled=options.get("script", True))
    tab = context.new_page()
    tab.set_default_timeout(10_000)
    tab.asked, tab.wrong = [], []
    tab.on("request", lambda one: tab.asked.append(one.url))
    tab.on("pageerror", lambda error: tab.wrong.append(str(error)))
    tab.on("console", lambda message: tab.wrong.append(message.text) if message.type == "error" else None)
    yield tab
    context.close()
    assert tab.wrong == []


def count(page, text):
    page.wait_for_function("t => document.querySelector('.count')?.innerText.startsWith(t)", arg=text)


def is_open(page, row_id):
    page.wait_for_function("t => document.querySelector('#open .about')?.innerText.startsWith(t)", arg=row_id)


def test_filters_follow_what_is_chosen_and_typed_and_so_does_the_address(page, address):
    page.goto(address)
    count(page, "5 rows")
    page.get_by_label("Search").press_sequentially("oslo weather u1")
    count(page, "2 rows of 5")
    page.wait_for_url("**/?text=oslo+weather+u1")
    assert page.evaluate("document.activeElement.name") == "text"
    page.get_by_label("Kind").select_option("preference")
    count(page, "1 row of 5")
    is_open(page, RATED[0]["id"])
    page.get_by_role("link", name="clear filters").click()
    count(page, "5 rows")
    assert page.get_by_label("Search").input_value() == ""
    page.get_by_label("Model A").select_option("hf:good")
    page.get_by_label("Model B").select_option("hf:half")
    page.get_by_label("Outcome").select_option("A right, B wrong")
    count(page, "3 rows of 5")
    assert [url for url in page.asked if not url.startswith(address)] == []


def test_keys_go_through_rows_twins_search_models_and_help(page, address):
    page.goto(f"{address}?setting=rating_integrated")
    first, twin = (one["id"] for one in RATED)
    page.keyboard.press("j")
    is_open(page, twin)
    page.keyboard.press("k")
    is_open(page, first)
    page.wait_for_function("document.activeElement.id === 'row-title'")
    page.keyboard.press("t")
    is_open(page, twin)
    assert page.locator(".call .changed").all_inner_texts() == ["was liked", "was disliked"]
    page.keyboard.press("o")
    is_open(page, first)
    page.go_back()
    is_open(page, twin)
    page.keyboard.press("?")
    assert page.get_by_role("dialog", name="Keys").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("jm")  # these are letters now
    count(page, "0 rows of 5")
    page.keyboard.press("Escape")
    assert page.get_by_label("Search").input_value() == "jm"
    page.keyboard.press("m")
    page.wait_for_url("**/?tab=models*")
    page.locator(".stack a.TFM").first.wait_for()
    page.keyboard.press("m")
    page.locator(".count").wait_for()


def test_a_hostile_row_and_reply_are_text_and_nothing_runs(page, address):
    page.goto(f"{address}?row={STRANGE['id']}")
    page.locator("#row-title summary").click()
    assert len(page.locator("#row-title").inner_text()) > 100_000
    page.keyboard.press("e")
    answer = page.locator(".answer").last
    assert HOSTILE in answer.locator(".reply > pre").inner_text()
    assert not answer.locator(".reasoning pre").is_visible()
    answer.get_by_text("prompt as sent").click()
    answer.locator(".prompt-text pre").first.wait_for()
    assert "Candidate tools:" in answer.locator(".prompt-text pre").first.inner_text()
    assert page.locator("main img, main script").count() == 0
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("page", [{"script": False}], indirect=True)
def test_links_and_filters_work_without_the_script(page, address):
    page.goto(address)
    page.get_by_label("Setting").select_option("chronological")
    page.get_by_role("button", name="Show").click()
    assert page.locator(".count").inner_text().startswith("2 rows of 5")
    page.get_by_role("link", name="next").click()
    assert page.locator("#open .about").inner_text().startswith(STRANGE["id"])
    page.get_by_role("link", name="Models", exact=True).click()
    assert page.get_by_role("region", name="Leaderboard").get_by_role("row").count() == 4


@pytest.mark.parametrize("page", [{"width": 400}], indirect=True)
def test_a_narrow_page_shows_one_thing_at_a_time_and_needs_no_sideways_scrolling(page, address):
    for query in ("", "?tab=models", f"?row={STRANGE['id']}", f"?row={RATED[0]['id']}"):
        page.goto(address + query)
        assert page.evaluate("document.documentElement.scrollWidth") == 400
    assert not page.locator(".count").is_visible()
    page.get_by_role("link", name="all rows").click()
    page.locator(".count").wait_for()
    assert not page.locator("#row-title").is_visible()
    page.get_by_text("Search, filters and order").click()
    page.get_by_label("Search").fill("weather u2")
    count(page, "2 rows of 5")
    assert page.get_by_label("Search").is_visible()
