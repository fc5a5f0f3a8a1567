"""`--history METHOD`: what a model is shown of the past calls, over evaluations against a scripted server."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from fakes import WordEncoder
from petoolkit.builder.dataset_folder import write_dataset
from report_folders import OPTIONS, folders, scores
from rows import CITY, DATASET_FACTS, reply, row, tool
from scripted_server import ScriptedServer

from petoolbench import InputError, render_messages
from petoolbench_cli import main
from petoolkit.evaluator.evaluate import evaluate
from petoolkit.evaluator.history_methods.method_table import parse_history_method
from petoolkit.evaluator.history_methods.shown_rows import HistoryView
from petoolkit.evaluator.models.baselines import predict
from petoolkit.evaluator.options import Connection, Options
from petoolkit.evaluator.records import Manifest, Scores
from petoolkit.evaluator.report.history_tables import history_methods
from petoolkit.evaluator.report.report_figures import draw_figures
from petoolkit.evaluator.report.run_groups import group_runs
from petoolkit.publisher.pack_results import published_record

CANDIDATES = [
    tool("Aerwyn", "forecast", "Weather forecast for a city", "No fee and no key.", [CITY]),
    tool("Cirrox", "forecast", "Weather forecast for a town or city", "Hosted in Europe.", [CITY]),
]


def call(number, text, rating=None):
    return {
        "instruction": text,
        "tool_name": f"<Music>.<Provider{number}>.<lyrics>",
        "provider_description": "You never pay.",
        "parameters": "{}",
        "rating": rating,
    }


TEXTS = ["the lyrics of a song", "the weather forecast", "an amount of money", "a city forecast", "some songs"]
ROWS = [
    row(
        f"u{user}",
        setting,
        "Aerwyn",
        [
            call(f"{user}x{number}", text, 1 if setting == "rating_integrated" else None)
            for number, text in enumerate(TEXTS)
        ],
        CANDIDATES,
    )
    for setting in ("preferred_only", "rating_integrated")
    for user in range(3)
]
BY_ID = {one["id"]: one for one in ROWS}


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """A key, and no rules to compare with, which take seconds."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setattr("petoolkit.evaluator.scores.rescore._rule_values", lambda *asked: {})


@pytest.fixture
def words(monkeypatch) -> list[str]:
    """Sentence vectors are sets of words; returns the texts that were embedded."""
    embedded = []

    class Encoder(WordEncoder):
        def encode(self, texts, what="texts"):
            embedded.extend(texts)
            return super().encode(texts, what)

    monkeypatch.setattr("petoolkit.selector.row_vectors.Encoder", lambda model: Encoder())
    return embedded


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("data") / "petoolbench"
    write_dataset(folder, [("test", one) for one in ROWS], lambda: DATASET_FACTS)
    return str(folder)


def run(dataset, out, server, history, **options) -> Scores:
    return evaluate(
        dataset, "all", "openai:m", out, Options(history=history, **options), Connection(server.url, concurrency=4)
    )


def systems(server) -> list[str]:
    return [body["messages"][0]["content"] for body in server.requests]


def lines(out: Path, name: str = "predictions.jsonl") -> list[dict]:
    return [json.loads(line) for line in (out / name).read_text().splitlines()]


def with_calls(one, numbers):
    return {**one, "history": [one["history"][number] for number in numbers]}


def test_last_shows_the_latest_calls_and_none_no_heading_either(dataset, tmp_path):
    shown = {"full": range(5), "last:2": (3, 4), "last:9": range(5), "none": ()}
    for method, numbers in shown.items():
        with ScriptedServer(lambda body: reply("Aerwyn")) as server:
            run(dataset, tmp_path / method, server, method)
        expected = {render_messages(with_calls(one, numbers), history=bool(numbers))[0]["content"] for one in ROWS}
        assert set(systems(server)) == expected
        manifest = Manifest.read(tmp_path / method)
        assert manifest.options.history == method
    hashes = {Manifest.read(tmp_path / method).prompt_fingerprint for method in shown}
    assert len(hashes) == len(shown), "the method is part of the prompt's hash"


def test_a_method_is_part_of_what_an_evaluation_is(dataset, tmp_path):
    with ScriptedServer(lambda body: reply("Aerwyn")) as server:
        run(dataset, tmp_path, server, "last:2")
        with pytest.raises(InputError, match=r"options\.history is 'last:2' there and 'last:3' here"):
            run(dataset, tmp_path, server, "last:3")
        assert len(server.requests) == len(ROWS)


def test_manifests_of_earlier_versions_are_read(dataset, tmp_path):
    with ScriptedServer(lambda body: reply("Aerwyn")) as server:
        for method, written in (("full", True), ("none", False)):
            out = tmp_path / method
            run(dataset, out, server, method)
            earlier = json.loads((out / "manifest.json").read_text())
            earlier["options"]["history"] = written
            (out / "manifest.json").write_text(json.dumps(earlier))
            run(dataset, out, server, method)  # goes on: nothing is asked again
            assert Manifest.read(out).options.history == method
    assert len(server.requests) == 2 * len(ROWS)


def test_rules_read_the_calls_that_are_shown(dataset, tmp_path):
    evaluate(dataset, "all", "baseline:lexical", tmp_path, Options(history="last:2"))
    cut = [with_calls(one, (3, 4)) for one in ROWS]
    assert [line["reply"] for line in lines(tmp_path)] == list(predict("lexical", cut, list, seed=0))


def test_what_calls_show_goes_with_them():
    taste = json.dumps({"call_traits": [[str(number)] for number in range(5)]})
    view = HistoryView(parse_history_method("last:2"))
    (shown,) = view.of([{**ROWS[0], "taste": taste}])
    assert json.loads(shown.row["taste"])["call_traits"] == [["3"], ["4"]]
    assert (shown.row["history"], shown.row["history_length"]) == (ROWS[0]["history"][3:], 2)


def test_retrieved_shows_the_calls_nearest_to_the_request_in_the_order_of_time(dataset, tmp_path, words):
    with ScriptedServer(lambda body: reply("Aerwyn")) as server:
        run(dataset, tmp_path / "model", server, "retrieved:2")
    # The request shares five words with the second call's, four with the fourth's, and at most two with the others'.
    cut = [with_calls(one, (1, 3)) for one in ROWS]
    assert set(systems(server)) == {render_messages(one)[0]["content"] for one in cut}
    assert Manifest.read(tmp_path / "model").history_fingerprint == "words"
    evaluate(dataset, "all", "baseline:lexical", tmp_path / "rule", Options(history="retrieved:2"))
    assert [line["reply"] for line in lines(tmp_path / "rule")] == list(predict("lexical", cut, list, seed=0))
    for name in ("model", "rule"):
        assert all(line["shown_calls"] == [1, 3] for line in lines(tmp_path / name))


def test_each_distinct_text_is_embedded_once_and_of_equally_near_calls_the_latest_are_shown(words):
    history = [call(number, text) for number, text in enumerate(["a song", "the weather", "a song", "a song"])]
    rows = [{**ROWS[number], "history": history, "instruction": "the weather"} for number in range(3)]
    view = HistoryView(parse_history_method("retrieved:3"))
    view.prepare(rows)
    assert [one.row["history"] for one in view.of(rows)] == [history[1:]] * 3
    assert sorted(words) == ["a song", "the weather"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("all", "unknown history method 'all'; choose one of: full, none, last:K"),
        ("last", "unknown history method 'last'"),
        ("full:3", "unknown history method 'full:3'"),
        ("last:0", "'last:0' does not say how many past calls; give a number of 1 or more, as last:5"),
        ("last:many", "does not say how many past calls"),
    ],
)
def test_a_method_that_does_not_exist_is_refused_in_one_sentence(spec, message):
    result = CliRunner().invoke(main, ["evaluate", "--model", "openai:m", "--out", "x", "--history", spec])
    assert result.exit_code == 2 and message in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_the_earlier_spelling_is_taken_and_help_lists_the_methods(dataset, tmp_path):
    with ScriptedServer(lambda body: reply("Aerwyn")) as server:
        arguments = ["--dataset", dataset, "--model", "openai:m", "--base-url", server.url, "--out", str(tmp_path)]
        assert CliRunner().invoke(main, ["evaluate", *arguments, "--no-history"]).exit_code == 0
    assert Manifest.read(tmp_path).options.history == "none"
    shown = CliRunner().invoke(main, ["evaluate", "--help"]).output
    assert "last:K" in shown and "--no-history" not in shown


def test_compare_names_the_methods(dataset, tmp_path):
    with ScriptedServer(lambda body: reply("Aerwyn")) as server:
        run(dataset, tmp_path / "a", server, "full")
        run(dataset, tmp_path / "b", server, "last:1")
    found = CliRunner().invoke(main, ["compare", str(tmp_path / "a"), str(tmp_path / "b")]).output
    assert "A is openai:m (history full), B is openai:m (history last:1)" in " ".join(found.split())
    assert re.search(r"A request takes \d+ tokens with A, and \d+ with B, all told\.", " ".join(found.split()))


def test_a_report_puts_accuracy_beside_tokens_by_method(tmp_path):
    def spent(tokens, memory=None):
        return {"prompt_tokens": tokens, "completion_tokens": 600, "cost_usd": 2.0, "memory": memory}

    memory = {"calls": 40, "prompt_tokens": 30_000, "completion_tokens": 0, "seconds": 8.5, "cost_usd": 0.5}
    results = [
        scores("openai:m", usage=spent(600_000)),
        scores("openai:m", options=OPTIONS | {"history": "last:5"}, usage=spent(300_000)),
        scores("openai:m", options=OPTIONS | {"history": "profile"}, usage=spent(60_000, memory)),
        scores("openai:n", options=OPTIONS | {"history": "profile"}),
    ]
    (group,) = group_runs([Scores.read(folder) for folder in folders(tmp_path, *results)])
    (table,) = history_methods(group)
    cells = {row.name: [cell.text for cell in row.cells] for row in table.rows}
    assert list(cells) == ["openai:m", "openai:m, history last:5", "openai:m, history profile"]
    answered = 300
    assert cells["openai:m, history profile"][3:] == [
        f"{(60_000 + 600 + 30_000) / answered:,.0f}",
        "40",
        "30,000",
        "8.50",
        "\N{EN DASH}",
        "$2.50",
    ]
    assert cells["openai:m"][3:6] == ["2,002", "0", "0"]
    drawn, _ = draw_figures(group)
    assert drawn["history-methods"].finding.startswith("openai:m: history full has the highest Tool Acc, ")
    assert "history profile takes the fewest tokens, " in drawn["history-methods"].finding
    (alone,) = group_runs([Scores.read(folder) for folder in folders(tmp_path / "alone", results[0])])
    assert history_methods(alone) == [] and "history-methods" in draw_figures(alone)[1]


def test_what_is_published_names_no_folder_of_a_memory(dataset, tmp_path):
    (tmp_path / "memory.py").write_text("")
    method = f"python:{tmp_path}/memory.py:make"
    (folder,) = folders(tmp_path, scores("openai:m", options=OPTIONS | {"history": method}))
    published = published_record(Manifest.read(folder))
    assert published.options.history == "python:memory.py:make"
    assert published.options.model_dump()["window"] == 4000
