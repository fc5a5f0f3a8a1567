"""Tables and views at 80 columns: numbers are whole, names break after signs only, and styles can be switched off."""

import io
import re

import pytest
from report_folders import SETTINGS_AND_ALL, scores
from rich.console import Console
from rows import past_call, prediction, reply, row, tool
from terminals import shown, words

from petoolbench import SETTINGS
from petoolkit.evaluator.records import Scores
from petoolkit.evaluator.row_view import row_view, user_view
from petoolkit.evaluator.score_tables import (
    comparison_table,
    conversation_view,
    estimate_table,
    flipped_view,
    scores_table,
    sizes_table,
)
from petoolkit.evaluator.scores.comparison import Comparison
from petoolkit.evaluator.scores.score import score
from petoolkit.evaluator.terminal_layout import FittedTable, beginning_of
from petoolkit.replies import READERS
from petoolkit.scoring import METRICS, Metric
from petoolkit.text import interval, percent

LONG_NAMES = ("openai:meta-llama/Llama-3.1-70B-Instruct", "hf:Qwen/Qwen2.5-0.5B-Instruct+results/adapters/dpo-run_2")
ROWS = [row(f"u{number}", "chronological", "Cirrox", group=f"g{number}") for number in range(5)]
RIGHT = reply("Cirrox")


def results(*models):
    return [Scores(**scores(model)) for model in models]


def comparison(value=-0.123, low=-0.999, high=0.0345):
    a, b = results(*LONG_NAMES)
    difference = {"a": 0.5, "b": 0.5 + value, "value": value, "low": low, "high": high, "p_value": 0.0312}
    by_reader = {reader: {"tool_acc": difference, "joint_acc": difference} for reader in READERS}
    return Comparison(a, b, 3000, dict.fromkeys(SETTINGS_AND_ALL, by_reader), [])


# --- scores ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [80, 100, 200])
def test_every_number_of_the_scores_is_whole(width):
    runs = results(*LONG_NAMES, "baseline:preference-rule")
    text = shown(scores_table(runs), width)
    for run in runs:
        for setting in SETTINGS_AND_ALL:
            for metric in METRICS:
                for reader in READERS:
                    found = run.score(setting, metric, reader)
                    assert {percent(found.value), f"({interval(found)})"} <= words(text)
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    for metric in METRICS.values():
        assert metric.label in text
    assert text.count("chance") == text.count("best rule: preference-rule") == len(METRICS)


def test_on_a_wide_terminal_a_score_and_its_interval_share_a_line():
    (run,) = results("openai:m")
    found = run.score("all", "tool_acc")
    assert f"{percent(found.value)} ({interval(found)})" in shown(scores_table([run]), 100)
    assert f"{percent(found.value)} ({interval(found)})" not in shown(scores_table([run]), 80)


def test_names_break_after_signs_only():
    text = shown(scores_table(results(*LONG_NAMES)), 80)
    for name in LONG_NAMES:
        for piece in re.split(r"(?<=[/:+_-])", name):
            assert piece in text


def test_scores_are_shown_with_chance_rules_and_what_is_missing():
    def result(model, *replies, **more):
        predictions = [prediction(one, text) for one, text in zip(ROWS, replies, strict=False)]
        asked = {"model": model, "dataset": "d", "split": "test", "setting": "all", "fingerprint": "0", "options": {}}
        return Scores(**asked, **score(ROWS, predictions), **more)

    rules = {metric: {"name": "lexical", "value": 0.25} for metric in METRICS}
    others = {metric: {"name": "popularity", "value": 0.75} for metric in METRICS}
    best = {"chronological": dict.fromkeys(READERS, rules), "all": dict.fromkeys(READERS, others)}
    indented = RIGHT.replace("{", "{\n", 1)
    ours = result("openai:[bold]m", RIGHT, indented, None, best_rule=best)
    text = shown(scores_table([ours, result("baseline:lexical")]))
    assert f"40.0 ({interval(ours.score('all', 'tool_acc'))})" in text
    for expected in ("d, test split, 5 rows", "20.0 (", "best rule: lexical", "25.0", "best rule: popularity", "75.0"):
        assert expected in text
    assert "\N{EN DASH}  " in text  # Preference Acc of a model whose calls were all missing
    assert "openai:[bold]m: 3 replies are missing and count as wrong." in text
    assert "lexical: 5 replies are missing" in text


def test_a_further_metric_appears_in_the_table(monkeypatch):
    monkeypatch.setitem(METRICS, "first_acc", Metric("first_acc", "First Acc", "", lambda outcome: outcome.right_tool))
    (run,) = results("openai:m")
    text = shown(scores_table([run]), 80)
    assert "First Acc" in text
    assert percent(run.score("all", "first_acc").value) in text.partition("First Acc")[2]


# --- comparisons, sizes and costs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("ends", [(-0.123, -0.999, 0.0345), (-1.0, -1.0, 1.0), (0.02, -0.01, 0.05)])
def test_every_number_of_a_comparison_is_whole(width, ends):
    text = shown(comparison_table(comparison(*ends)), width)
    value, low, high = (f"{100 * end:+.1f}".replace("-", "\N{MINUS SIGN}") for end in ends)
    for expected in (value, f"({low}", f"{high})", "0.0312"):
        assert sum(word == expected for word in text.split()) >= 2 * len(READERS) * len(SETTINGS_AND_ALL)
    assert text.count("p = 0.0312") == 2 * len(READERS) * len(SETTINGS_AND_ALL)
    assert "Tool Acc" in text and "Joint Acc" in text
    for name in LONG_NAMES:
        assert name in "".join(text.split())


def test_estimates_and_sizes_are_whole_at_80_columns():
    line = {"stage": "instruct", "calls": 1_234_567, "prompt_tokens": 12_345_678_901, "completion_tokens": 987_654_321}
    lines = [line | {"cost_usd": 123_456.78, "seconds": 200_000}, line | {"cost_usd": None, "seconds": None}]
    text = shown(estimate_table(lines), 80)
    assert {"1,234,567", "12,345,678,901", "987,654,321", "$123,456.78", "7:33:20", "2,469,134"} <= words(text)
    assert "2 days," in text and "a day" in text
    sizes = shown(sizes_table({"preferred_only": {"train": 9_000, "test": 1_000}, "chronological": {"test": 10}}), 80)
    assert [line.split() for line in sizes.splitlines()[-2:]] == [
        ["preferred_only", "9,000", "1,000"],
        ["chronological", "0", "10"],
    ]


def test_a_table_that_is_too_narrow_loses_no_digit():
    table = FittedTable("name", ["first number", "second number"])
    table.add_row("a-long_name/of-something", "1,234,567,890", "987,654,321.5")
    digits = re.sub(r"\D", "", shown(table, 20))
    assert sorted(digits) == sorted("12345678909876543215")


# --- rows and conversations -----------------------------------------------------------------------------------------


def user_rows(**changes):
    history = [past_call(f"Provider{number}") for number in range(12)]
    rows = [row("u7", setting, "Cirrox", history) for setting in SETTINGS]
    for one in rows:
        for call in one["history"]:
            call["instruction"] = (
                "Tell me the weather of the city 'Reykjavik' on each of the next 12 days, please. " * 3
            )
    rows[1]["history"] = [call | {"rating": number % 2} for number, call in enumerate(history)]
    rows[2] |= changes
    return rows


def test_a_user_is_shown_with_each_history_and_the_request_once():
    text = shown(user_view(user_rows()), 80)
    plain = " ".join(re.sub("[\N{BOX DRAWINGS LIGHT VERTICAL}\n]", " ", text).split())
    for setting in SETTINGS.values():
        assert f"(oldest first): {setting.label} {setting.description}" in plain
    assert text.count("What the user asks now") == text.count("The gold call") == text.count("same job") == 1
    assert text.count("disliked") == 1 + 6  # once in the description
    assert "u7/" not in text


@pytest.mark.parametrize(
    "changes",
    [
        {"instruction": "another one"},
        {"tool_call": {"tool_name": "<Weather>.<Aerwyn>.<forecast>", "parameters": "{}"}},
        {"candidate_tools": [tool("Aerwyn", "forecast", "Weather forecast for a city")]},
    ],
)
def test_rows_of_a_user_that_differ_in_more_are_shown_one_after_another(changes):
    text = shown(user_view(user_rows(**changes)), 80)
    assert text.count("What the user asks now") == 3
    assert all(f"u7/{setting}" in text for setting in SETTINGS)


@pytest.mark.parametrize(("width", "most"), [(80, 46), (120, 40)])
def test_a_brief_row_fits_on_a_screen(width, most):
    one = user_rows()[1]
    candidates = [
        tool(f"Provider{number}", "forecast", "Weather forecast for a city. " * 3, "Hosted in Europe, no key. " * 20)
        for number in range(10)
    ]
    one |= {"candidate_tools": candidates, "same_function_tools": [c["tool_name"] for c in candidates[:4]]}
    one["tool_call"] = {"tool_name": candidates[0]["tool_name"], "parameters": "{}"}
    text = shown(row_view(one, brief=True), width)
    assert len(text.splitlines()) <= most
    assert len(shown(row_view(one), width).splitlines()) > 60
    assert "Provider9 / forecast" in " ".join(re.sub("[\N{BOX DRAWINGS LIGHT VERTICAL}\n]", " ", text).split())
    assert text.count("same job") == 3 and text.count("liked") >= 12


def test_a_long_text_is_cut_after_a_word_and_fits_with_wide_characters():
    assert beginning_of("one two\nthree", 20) == "one two three"
    assert beginning_of("one two three four", 12) == "one two \N{HORIZONTAL ELLIPSIS}"
    assert beginning_of("\u5929\u6c14" * 20, 11) == "\u5929\u6c14\u5929\u6c14 \N{HORIZONTAL ELLIPSIS}"


def test_no_view_has_escape_codes_of_its_own():
    """A console without styles prints plain text, also where a row or reply has markup in it."""
    flip = {"id": "u1/chronological", "instruction": "x", "tool_call": ROWS[0]["tool_call"], "right": "a"}
    compared = comparison()
    compared.flipped.append(flip | {"repeat": 0, "reply_a": RIGHT, "reply_b": None})
    console = Console(width=80, file=io.StringIO(), force_terminal=False)
    for view in (
        scores_table(results("openai:m")),
        comparison_table(compared),
        flipped_view(compared, 1),
        conversation_view([{"role": "user", "content": "say 12,345 [bold]twice[/]"}], "12,345"),
        row_view(user_rows()[0]),
        row_view(user_rows()[0], brief=True),
        user_view(user_rows()),
    ):
        console.print(view)
    text = console.file.getvalue()
    assert "\x1b" not in text and "[bold]twice[/]" in text
