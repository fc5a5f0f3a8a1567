"""Measure the explorer on 12,000 rows and 10 evaluations of them, in Chromium, through the command as users start it.

    python benchmarks/explorer_speed.py

Rows and replies are invented, and about as long as those of a built benchmark. The time of a filter is from the click,
or the paste of a word, until the list shows its rows.
"""

import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
from machine import heading
from petoolkit.builder.dataset_folder import write_dataset
from playwright.sync_api import Page, sync_playwright

from petoolbench import SETTINGS, to_json_text
from petoolkit.dataset_record import DatasetRecord
from petoolkit.evaluator.records import AskedOptions, Manifest, Scores
from petoolkit.evaluator.results_folder import PREDICTIONS, fingerprint
from petoolkit.evaluator.scores.score import score
from petoolkit.files import write_json_lines
from petoolkit.text import ALL, markdown_table

USERS, MODELS, CANDIDATES, CALLS, CATEGORIES, ROUNDS = 4_000, 10, 10, 12, 46, 5
TEXT = "find the weather forecast of a city and convert an amount with free open data for planners in Europe"
WORDS = TEXT.split()
FACTS = DatasetRecord(origin="build", author="offline")


def text(drawn: random.Random, words: int) -> str:
    return " ".join(drawn.choices(WORDS, k=words))


def row(user: int, setting: str) -> dict:
    drawn = random.Random(f"{user}/{setting}")
    category = f"Category_{user % CATEGORIES}"
    names = [f"<{category}>.<Provider {drawn.randrange(500)}>.<api {number}>" for number in range(CANDIDATES)]
    parameter = {"name": "city", "type": "STRING", "description": text(drawn, 6), "default": '"Paris"'}
    tools = [
        {
            "tool_name": name,
            "tool_description": text(drawn, 20),
            "provider_description": text(drawn, 50),
            "required_parameters": [parameter],
            "optional_parameters": [parameter | {"name": "days"}],
        }
        for name in names
    ]
    history = [
        {
            "instruction": text(drawn, 20),
            "tool_name": f"<{category}>.<Provider {drawn.randrange(500)}>.<other>",
            "parameters": '{"city": "Oslo"}',
            "rating": drawn.randrange(2) if SETTINGS[setting].is_rated else None,
        }
        for _ in range(drawn.randrange(1, 2 * CALLS))
    ]
    return {
        "id": f"u{user:06d}/{setting}",
        "user_id": f"u{user:06d}",
        "group_id": f"g{user % 200}",
        "category": category,
        "instruction": f"{text(drawn, 15)} 'city {user}'",
        "history": history,
        "history_length": len(history),
        "candidate_tools": drawn.sample(tools, k=CANDIDATES),
        "tool_call": {"tool_name": names[0], "parameters": '{"city": "Oslo"}'},
        "same_function_tools": names[: CANDIDATES // 2],
    }


def reply(one: dict, model: int) -> str:
    """A reply: it calls the gold tool more often the higher the model's number; one of 20 replies is not a call."""
    drawn = random.Random(f"{one['id']} {model}")
    if drawn.random() < 0.05:
        return "Sorry."
    gold = drawn.random() < 0.2 + 0.05 * model
    tool = one["tool_call"]["tool_name"] if gold else drawn.choice(one["candidate_tools"])["tool_name"]
    return to_json_text({"tool_name": tool, "parameters": {"city": "Oslo" if drawn.random() < 0.8 else "Bergen"}})


def write_all(folder: Path) -> None:
    """Write the dataset, and an evaluation of each model."""
    rows = [row(user, setting) for setting in SETTINGS for user in range(USERS)]
    write_dataset(folder / "petoolbench", (("test", one) for one in rows), lambda: FACTS)
    digest = fingerprint(rows)
    for number in range(MODELS):
        lines = [{"id": one["id"], "repeat": 0, "reply": reply(one, number), "error": None} for one in rows]
        manifest = Manifest(
            model=f"hf:organisation/model-{number}-instruct",
            dataset="petoolbench",
            fingerprint=digest,
            split="test",
            setting=ALL,
            options=AskedOptions(),
        )
        evaluation = folder / "results" / str(number)
        manifest.write(evaluation)
        write_json_lines(evaluation / PREDICTIONS, lines)
        Scores(**manifest.model_dump(), **score(rows, lines, rounds=10)).write(evaluation)


def start(folder: Path, url: str, port: int) -> tuple[subprocess.Popen, float]:
    """Start the command; also returns the seconds until it answered."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "petoolbench_cli", "explore", "--dataset", str(folder / "petoolbench")]
    command += ["--results", str(folder / "results"), "--port", str(port)]
    environment = {**os.environ, "HF_HOME": str(folder / "home"), "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    while True:
        try:
            urllib.request.urlopen(url, timeout=60)
            return process, time.perf_counter() - started
        except OSError:
            if process.poll() is not None:
                sys.exit("The explorer did not start.")
            time.sleep(0.1)


def first_pages(browser, url: str) -> Iterator[float]:
    """Seconds until the page shows its list, each time with an empty cache."""
    for _ in range(ROUNDS):
        context = browser.new_context()
        page = context.new_page()
        started = time.perf_counter()
        page.goto(url, wait_until="commit")
        page.wait_for_selector(".pe .items a")
        yield time.perf_counter() - started
        context.close()


def until_listed(page: Page, act: Callable[[], None]) -> float:
    """Seconds from an action until the list shows another number of rows."""
    before = page.locator(".pe .count").inner_text()
    started = time.perf_counter()
    act()
    page.wait_for_function("t => document.querySelector('.pe .count')?.innerText !== t", arg=before)
    return time.perf_counter() - started


def choose(page: Page, field: str, option: str) -> float:
    page.get_by_label(field).click()
    listed = page.get_by_role("option", name=option).first
    listed.hover()  # waits until the list of options does not move any more
    return until_listed(page, listed.click)


def filters(browser, url: str) -> dict[str, list[float]]:
    """Seconds by kind of filter; each is added to those before it, as people narrow a list down."""
    found: dict[str, list[float]] = {}
    for number in range(ROUNDS):
        page = browser.new_page()
        page.goto(url)
        page.wait_for_selector(".pe .items a")
        page.wait_for_load_state("networkidle")
        search = page.get_by_label("Search")
        steps = {
            "a word in 12,000 rows": lambda page=page, search=search, n=number: until_listed(
                page, lambda: search.fill(f"city {n}")
            ),
            "a setting": lambda page=page: choose(page, "Setting", "chronological"),
            "a model's error type": lambda page=page: choose(page, "Outcome", "TPM"),
            "filters cleared": lambda page=page: until_listed(page, page.get_by_text("clear filters").click),
            "a category": lambda page=page, n=number: choose(page, "Category", f"Category_{n + 10}"),
        }
        for name, step in steps.items():
            found.setdefault(name, []).append(step())
        page.close()
    return found


def main() -> None:
    chromium = shutil.which("chromium") or sys.exit("This benchmark needs Chromium: apt-get install chromium")
    print(heading(f"The explorer on {3 * USERS:,} rows x {MODELS} models", "gradio", "pyarrow", "playwright"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        write_all(Path(folder))
        process, seconds = start(Path(folder), url, port)
        try:
            browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            next(first_pages(browser, url))  # the browser itself starts
            measured = {"first page": list(first_pages(browser, url))} | filters(browser, url)
            megabytes = psutil.Process(process.pid).memory_info().rss / 1e6
        finally:
            process.terminate()
            process.wait()
    figures = [[name, f"{statistics.median(t):.2f} s", f"{max(t):.2f} s"] for name, t in measured.items()]
    figures += [["start, until it answers", f"{seconds:.1f} s", ""], ["memory", f"{megabytes:,.0f} MB", ""]]
    print(markdown_table(["what", "median", "worst"], figures))
    print(f"Load of the machine in the last minute: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
