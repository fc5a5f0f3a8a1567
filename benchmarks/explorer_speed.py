"""Measure the explorer on 12,000 rows and 10 evaluations of them, in Chromium, through the command as users start it.

    python benchmarks/explorer_speed.py

Rows and replies are invented, and about as long as those of a built benchmark with blocks of four users. The time of a
filter is from the choice, or the paste of a word, until the list shows its rows; that of a row is from the key or the
click until it is open.
"""

import json
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
from typing import Any

import psutil
from machine import heading
from petoolkit.builder.dataset_folder import write_dataset
from playwright.sync_api import Page, sync_playwright

from petoolbench import KINDS, SETTINGS, to_json_text
from petoolkit.dataset_record import DatasetRecord
from petoolkit.evaluator.records import AskedOptions, Manifest, Scores
from petoolkit.evaluator.results_folder import PREDICTIONS
from petoolkit.evaluator.row_fingerprint import fingerprint
from petoolkit.evaluator.scores.score import score
from petoolkit.files import write_json_lines
from petoolkit.text import ALL, markdown_table

USERS, MODELS, CANDIDATES, CALLS, CATEGORIES, ROUNDS = 4_000, 10, 10, 12, 46, 5
IN_A_BLOCK = 4  # users
TRAITS = [f"trait_{number}" for number in range(30)]
TEXT = "find the weather forecast of a city and convert an amount with free open data for planners in Europe"
WORDS = TEXT.split()
FACTS = DatasetRecord(origin="build", author="offline")


def text(drawn: random.Random, words: int) -> str:
    return " ".join(drawn.choices(WORDS, k=words))


def row(user: int, setting: str) -> dict:
    block, position = divmod(user, IN_A_BLOCK)
    drawn = random.Random(f"{block}/{setting}")  # all but history and gold call is the same in a block
    category = f"Category_{block % CATEGORIES}"
    names = [f"<{category}>.<Provider {drawn.randrange(500)}>.<api {number}>" for number in range(CANDIDATES)]
    parameter = {"name": "city", "type": "STRING", "description": text(drawn, 6), "default": '"Paris"', "schema": None}
    tools = [
        {
            "tool_name": name,
            "tool_description": text(drawn, 20),
            "provider_description": ". ".join(text(drawn, 16) for _ in range(3)),
            "required_parameters": [parameter],
            "optional_parameters": [parameter | {"name": "days"}],
        }
        for name in names
    ]
    instruction, tools = f"{text(drawn, 15)} 'city {block}'", drawn.sample(tools, k=CANDIDATES)
    traits = {name: sorted(drawn.sample(TRAITS, k=3)) for name in names}
    drawn = random.Random(f"{user}/{setting}")
    history = [
        {
            "instruction": text(drawn, 20),
            "tool_name": f"<{category}>.<Provider {drawn.randrange(500)}>.<other>",
            "provider_description": ". ".join(text(drawn, 15) for _ in range(3)),
            "parameters": '{"city": "Oslo"}',
            "rating": drawn.randrange(2) if SETTINGS[setting].is_rated else None,
        }
        for _ in range(drawn.randrange(1, 2 * CALLS))
    ]
    gold = names[position]
    taste = {
        "tool": gold,
        "trait": traits[gold][0],
        "tool_traits": traits,
        "call_traits": [sorted(drawn.sample(TRAITS, k=2)) for _ in history],
    }
    return {
        "id": f"u{user:06d}/{setting}",
        "user_id": f"u{user:06d}",
        "group_id": f"g{block % 200}",
        "category": category,
        "block_id": f"b{block:05d}",
        "kind": KINDS[0],
        "instruction": instruction,
        "history": history,
        "history_length": len(history),
        "candidate_tools": [{**tool, "schema": None} for tool in tools],
        "tool_call": {"tool_name": gold, "parameters": '{"city": "Oslo"}'},
        "acceptable_tools": [gold],
        "same_function_tools": names[:IN_A_BLOCK],
        "taste": json.dumps(taste),
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
    """Seconds until the page shows its list and its first row, each time with an empty cache."""
    for _ in range(ROUNDS):
        context = browser.new_context()
        page = context.new_page()
        started = time.perf_counter()
        page.goto(url, wait_until="commit")
        page.wait_for_selector("#open .call")
        page.wait_for_selector(".items a")
        yield time.perf_counter() - started
        context.close()


def until_listed(page: Page, act: Callable[[], Any]) -> float:
    """Seconds from an action until the list shows another number of rows."""
    return _until(page, act, ".count")


def until_open(page: Page, act: Callable[[], Any]) -> float:
    """Seconds from an action until another row is open."""
    return _until(page, act, "#open .about")


def _until(page: Page, act: Callable[[], Any], selector: str) -> float:
    before = page.locator(selector).inner_text()
    started = time.perf_counter()
    act()
    page.wait_for_function("([s, t]) => document.querySelector(s)?.innerText !== t", arg=[selector, before])
    return time.perf_counter() - started


def steps(browser, url: str) -> dict[str, list[float]]:
    """Seconds by what is done; each filter is added to those before it, as people narrow a list down."""
    found: dict[str, list[float]] = {}
    for number in range(ROUNDS):
        page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        page.goto(url)
        page.wait_for_load_state("networkidle")

        def choose(field: str, value: str, page: Page = page) -> float:
            return until_listed(page, lambda: page.select_option(f"select[name={field}]", value))

        def models(a: str, b: str, page: Page = page) -> None:
            for field, model in (("model", a), ("other", b)):
                with page.expect_response("**/*"):
                    page.select_option(f"select[name={field}]", f"hf:organisation/model-{model}-instruct")

        done = {
            "row: the next one, by its key": until_open(page, lambda page=page: page.keyboard.press("j")),
            "row: the next one, by a click": until_open(page, page.locator(".items a").nth(7).click),
            "row: the twin": until_open(page, lambda page=page: page.keyboard.press("t")),
            "filter: a word": until_listed(page, lambda page=page, n=number: page.fill("[name=text]", f"city {n}")),
            "filter: a setting": choose("setting", "chronological"),
            "filter: a model's error type": choose("outcome", "TPM"),
            "filter: cleared": until_listed(page, page.get_by_role("link", name="clear filters").click),
            "filter: a category": choose("category", f"Category_{number + 10}"),
            "filter: cleared again": until_listed(page, page.get_by_role("link", name="clear filters").click),
        }
        models(str(number), str(number + 5))
        done |= {
            "filter: A right, B wrong": choose("outcome", "a_right"),
            "filter: they call different tools": choose("outcome", "different"),
        }
        with page.expect_response("**/*"):
            page.select_option("select[name=outcome]", "")
        started = time.perf_counter()
        with page.expect_response("**/*"):
            page.select_option("select[name=sort]", "hard")
        done["order: hardest first"] = time.perf_counter() - started
        for name, seconds in done.items():
            found.setdefault(name, []).append(seconds)
        page.context.close()
    return found


def main() -> None:
    chromium = shutil.which("chromium") or sys.exit("This benchmark needs Chromium: apt-get install chromium")
    print(heading(f"The explorer on {3 * USERS:,} rows x {MODELS} models", "starlette", "pyarrow", "playwright"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        write_all(Path(folder))
        process, seconds = start(Path(folder), url, port)
        try:
            browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            next(first_pages(browser, url))  # the browser itself starts
            measured = {"first page, its first row open": list(first_pages(browser, url))} | steps(browser, url)
            started = time.perf_counter()
            lines = urllib.request.urlopen(f"{url}rows.csv").read().count(b"\n")
            measured[f"download of {lines - 1:,} rows as CSV"] = [time.perf_counter() - started]
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
