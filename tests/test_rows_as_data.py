"""`petoolbench score RESULTS --rows FILE`: a line for each reply, whose means are the scores."""

import csv
import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from petoolkit.builder.dataset_folder import write_dataset
from rows import CITY, DATASET_FACTS, past_call, prediction, reply, row, tool

from petoolbench import InputError
from petoolbench_cli import main
from petoolkit.evaluator.evaluate import evaluate
from petoolkit.evaluator.options import Options
from petoolkit.evaluator.records import Manifest
from petoolkit.evaluator.scores.judged_rows import JUDGED_COLUMNS, judged_rows
from petoolkit.evaluator.scores.row_file import write_row_file
from petoolkit.evaluator.scores.score import score
from petoolkit.replies import READERS

ROWS = [row(f"u{number}", "chronological", "Cirrox", [past_call("Cirrox")]) for number in range(6)]
REPLIES = [
    reply("Cirrox"),
    f'{{"name": "{ROWS[0]["tool_call"]["tool_name"]}", "arguments": {{"city": "Oslo"}}}}',  # a form of its own
    reply("Aerwyn", '{"city": "Rome"}'),
    "no call",
    None,
    reply("Equandra", "{}", "lyrics"),
]
PREDICTIONS = [
    prediction(*pair, seconds=0.5, prompt_tokens=100, completion_tokens=7)
    for pair in zip(ROWS, REPLIES, strict=True)
    if pair[1] is not None
] + [prediction(ROWS[4], None, error="the server said \ud800 no")]


@pytest.fixture
def results(tmp_path, monkeypatch) -> Path:
    """An evaluation whose replies are those above."""
    monkeypatch.chdir(tmp_path)
    write_dataset(tmp_path / "petoolbench", [("test", one) for one in ROWS], lambda: DATASET_FACTS)
    evaluate("petoolbench", "all", "baseline:random", Path("out"))
    Path("out/predictions.jsonl").write_text("".join(json.dumps(one) + "\n" for one in PREDICTIONS))
    return Path("out")


def run(*arguments):
    return CliRunner().invoke(main, ["score", *map(str, arguments)])


def one_line(text):
    return " ".join(text.split())


def by_user(lines):
    return {line["id"].partition("/")[0]: line for line in lines}


def test_a_line_says_what_was_called_and_what_each_reader_says_of_it():
    lines = by_user(judged_rows(ROWS, PREDICTIONS))
    cirrox = ROWS[0]["tool_call"]["tool_name"]
    assert lines["u0"] == {
        "id": "u0/chronological",
        "setting": "chronological",
        "kind": "preference",
        "block": "",
        "repeat": 0,
        "gold_tool": cirrox,
        "called_tool": cirrox,
        "how_read": "as asked",
        "robust_tool_right": True,
        "robust_tool_error": None,
        "robust_parameters_right": True,
        "robust_parameters_error": None,
        "paper_tool_right": True,
        "paper_tool_error": None,
        "paper_parameters_right": True,
        "paper_parameters_error": None,
        "missing": False,
        "error": None,
        "prompt_tokens": 100,
        "completion_tokens": 7,
        "seconds": 0.5,
    }
    u1, u2, u3, u4, u5 = (lines[f"u{number}"] for number in range(1, 6))
    assert (u1["how_read"], u1["called_tool"], u1["robust_tool_right"]) == ("own form", cirrox, True)
    assert (u1["paper_tool_right"], u1["paper_tool_error"], u1["paper_parameters_error"]) == (False, "IF", "IF")
    assert (u2["called_tool"], u2["robust_tool_error"]) == ("<Weather>.<Aerwyn>.<forecast>", "TPM")
    assert (u2["robust_parameters_right"], u2["robust_parameters_error"]) == (False, "PVM")
    assert (u3["called_tool"], u3["how_read"], u3["robust_tool_error"], u3["missing"]) == (None, None, "IF", False)
    assert (u4["missing"], u4["error"], u4["robust_tool_error"]) == (True, "the server said ? no", "IF")
    assert (u4["prompt_tokens"], u4["seconds"]) == (None, None)
    assert (u5["robust_tool_error"], u5["robust_parameters_error"]) == ("TFM", "PNM")


def test_the_means_are_the_scores():
    """Also with repeats, of which some are missing, and with a request that was asked again."""
    more = [
        prediction(ROWS[0], reply("Aerwyn"), 1),
        prediction(ROWS[2], "no call", 2),
        prediction(ROWS[2], reply("Cirrox"), 2),
    ]
    table = pd.DataFrame(judged_rows(ROWS, [*PREDICTIONS, *more]))
    scored = score(ROWS, [*PREDICTIONS, *more])["scores"]["all"]
    assert len(table) == 18
    for reader in READERS:
        assert table[f"{reader}_tool_right"].mean() == pytest.approx(scored[reader]["tool_acc"]["value"])
        assert table[f"{reader}_parameters_right"].mean() == pytest.approx(scored[reader]["param_acc"]["value"])
        for error in ("IF", "TH", "TFM", "TPM"):
            assert (table[f"{reader}_tool_error"] == error).mean() == pytest.approx(scored[reader][error]["value"])
        for error in ("PNM", "PVM"):
            shares = table[f"{reader}_parameters_error"] == error
            assert shares.mean() == pytest.approx(scored[reader][error]["value"])


def test_a_row_that_was_never_asked_is_a_line_too():
    lines = list(judged_rows(ROWS, [], repeats=2))
    assert [(line["id"], line["repeat"]) for line in lines[:3]] == [
        ("u0/chronological", 0),
        ("u0/chronological", 1),
        ("u1/chronological", 0),
    ]
    assert all(line["missing"] and not line["robust_tool_right"] for line in lines)


def test_the_command_writes_parquet_with_types(results):
    result = run(results, "--rows", "rows.parquet")
    assert result.exit_code == 0, result.output
    assert "6 rows: rows.parquet" in one_line(result.output)
    table = pq.read_table("rows.parquet")
    assert {field.name: str(field.type) for field in table.schema} == {
        name: {"bool_": "bool", "float64": "double"}.get(kind, kind) for name, kind in JUDGED_COLUMNS.items()
    }
    assert table.to_pylist() == list(judged_rows(ROWS, PREDICTIONS))


def test_the_command_writes_csv_that_pandas_reads_as_the_same(results):
    assert run(results, "--rows", "made/rows.CSV").exit_code == 0
    read = pd.read_csv("made/rows.CSV", keep_default_na=False, na_values={"seconds": [""], "prompt_tokens": [""]})
    expected = pd.DataFrame(judged_rows(ROWS, PREDICTIONS))
    assert list(read.columns) == list(JUDGED_COLUMNS)
    assert read["robust_tool_right"].tolist() == expected["robust_tool_right"].tolist()
    assert read["seconds"].dropna().tolist() == [0.5] * 5
    assert read["called_tool"].tolist() == expected["called_tool"].fillna("").tolist()


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "'\t=1"),
        (" =1", "' =1"),
        ("\uff1d1", "'\uff1d1"),
        ("\r\nx", "'\r\nx"),
        ("a=1", "a=1"),
        ('say "x", then', 'say "x", then'),
        ("'=1", "'=1"),
    ],
)
def test_no_cell_is_a_formula(tmp_path, name, written):
    candidates = [tool("Aerwyn", "forecast", "x", "", [CITY])]
    candidates[0]["tool_name"] = name
    one = row("u1", "chronological", "Aerwyn", candidates=candidates)
    said = json.dumps({"tool_name": name, "parameters": {}})
    lines = list(judged_rows([one], [prediction(one, said, error=name)]))
    write_row_file(lines, tmp_path / "rows.csv")
    with open(tmp_path / "rows.csv", encoding="utf-8", newline="") as file:
        (cells,) = csv.DictReader(file)
    assert cells["error"] == written and cells["called_tool"] == written
    write_row_file(lines, tmp_path / "rows.parquet")
    assert pq.read_table(tmp_path / "rows.parquet")["called_tool"].to_pylist() == [name]


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("rows.xlsx", "rows.xlsx does not say in which form; rows are written as .parquet and .csv files."),
        ("rows", "rows does not say in which form"),
        (
            "petoolbench/rows.csv",
            "rows.csv is in the dataset's folder petoolbench/, which a build replaces",
        ),
        ("/proc/rows.csv", "/proc/rows.csv cannot be written"),
    ],
)
def test_a_mistake_gives_one_sentence(results, file, message):
    result = run(results, "--rows", file)
    assert result.exit_code == 2
    assert message in one_line(result.output)
    assert not Path(file).exists()


def test_what_does_not_hold_an_evaluation_is_named(results):
    result = run("petoolbench", "--rows", "rows.csv")
    assert result.exit_code == 2
    assert "petoolbench does not hold an evaluation (manifest.json is missing)" in one_line(result.output)


def test_results_of_an_earlier_version_are_read(results):
    """Its lines have what was needed then, and its manifest lacks what is known today."""
    old = [{"id": one["id"], "repeat": 0, "reply": one["reply"]} for one in PREDICTIONS]
    Path("out/predictions.jsonl").write_text("".join(json.dumps(one) + "\n" for one in old))
    manifest = json.loads(Path("out/manifest.json").read_text())
    kept = ("model", "dataset", "fingerprint", "split", "setting", "options")
    Path("out/manifest.json").write_text(json.dumps({name: manifest[name] for name in kept}))
    assert run(results, "--rows", "rows.parquet").exit_code == 0
    assert pq.read_table("rows.parquet")["robust_tool_right"].to_pylist() == [True, True, False, False, False, False]


def test_rows_that_an_earlier_version_read_otherwise_name_it(results):
    manifest = Manifest.read(results)
    versions = {**manifest.versions, "petoolbench": "0.0.1"}
    manifest.model_copy(update={"fingerprint": "0" * 16, "versions": versions}).write(results)
    result = run(results, "--rows", "rows.csv")
    assert result.exit_code == 2
    assert "or score with the version that evaluated, petoolbench 0.0.1 (this is" in one_line(result.output)
    assert not Path("rows.csv").exists()


def test_replies_to_counterfactuals_are_counted_and_not_mixed_in(results, tmp_path):
    evaluate("petoolbench", "all", "baseline:random", Path("both"), Options(), counterfactuals="no-history")
    result = run("both", "--rows", "rows.csv")
    assert "6 rows: rows.csv (6 replies to counterfactual rows are not among them)" in one_line(result.output)
    assert len(pd.read_csv("rows.csv")) == 6


def test_a_prediction_about_another_row_is_refused():
    with pytest.raises(InputError, match="has no row 'u9/chronological'"):
        list(judged_rows(ROWS, [{"id": "u9/chronological", "repeat": 0, "reply": ""}]))
