"""What `import petoolbench` offers to Python and notebooks."""

import ast
import asyncio
import inspect
import io
import json
import os
import signal
import subprocess
import sys
import threading
import warnings
from dataclasses import fields
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from block_rows import block
from conftest import ROOT
from petoolkit.builder.dataset_folder import write_dataset
from rich.console import Console
from rows import DATASET_FACTS, past_call, reply, row
from scripted_server import ScriptedServer

import petoolbench
from petoolbench import InputError
from petoolkit.api.ask_options import AskOptions, split_options
from petoolkit.api.html_tables import html_view
from petoolkit.audit_record import AuditRecord
from petoolkit.evaluator.models.model import Answer, Prompt
from petoolkit.evaluator.options import Connection, Options
from petoolkit.evaluator.progress import with_progress
from petoolkit.evaluator.records import Scores
from petoolkit.evaluator.scores.judged_rows import JUDGED_COLUMNS, judged_rows
from petoolkit.progress_bars import at_work, progress_bars
from petoolkit.replies import READERS
from petoolkit.scoring import ERROR_TYPES, METRICS

EVIL = "<script>alert(1)</script> & \u202e"
ROWS = [
    row(f"u{number}", "chronological", "Cirrox", [past_call("Cirrox")], group=f"g{number}") for number in range(11)
] + [{**row("u20", "preferred_only", "Aerwyn", [past_call("Aerwyn")]), "instruction": EVIL}]


@pytest.fixture
def dataset(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    split = [("test", one) for one in ROWS] + [("train", {**one, "id": f"t{one['id']}"}) for one in ROWS[:3]]
    write_dataset(tmp_path / "petoolbench", split, lambda: DATASET_FACTS)
    return tmp_path / "petoolbench"


def cirrox(row):
    return reply("Cirrox")


def fails(row):
    raise RuntimeError(f"<b>{EVIL}</b>")


# --- the names -------------------------------------------------------------------------------------------------------


def test_the_public_names_are_there_typed_and_documented():
    page = (ROOT / "docs" / "python.md").read_text()
    for name in ("audit", "evaluate", "load", "parse_reply", "render_messages", "score"):
        function = getattr(petoolbench, name)
        assert name in dir(petoolbench)
        assert f"`{name}(" in page
        assert function.__doc__
        signature = inspect.signature(function)
        assert all(one.annotation is not one.empty for one in signature.parameters.values()), name
        assert signature.return_annotation is not signature.empty, name


def test_importing_the_contract_imports_nothing_heavy_and_evaluate_stays_the_package():
    code = """
import sys
import petoolbench
before = set(sys.modules)
petoolbench.evaluate, petoolbench.load, petoolbench.audit, petoolbench.score
heavy = {"datasets", "torch", "pandas", "sklearn", "transformers", "evaluate"} & set(sys.modules)
assert not heavy, heavy
import evaluate
assert hasattr(evaluate, "load") and evaluate is not petoolbench.evaluate
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


# --- rows ------------------------------------------------------------------------------------------------------------


def test_load_gives_rows_as_a_sequence_and_as_a_table(dataset):
    rows = petoolbench.load(dataset)
    assert len(rows) == 12 and rows[0]["id"] == "u20/preferred_only"  # settings in the contract's order
    assert list(rows)[1:] == ROWS[:11]
    assert petoolbench.load(dataset, "chronological", "train")[0]["id"] == "tu0/chronological"
    assert len(rows[2:5]) == 3 and repr(rows[2:5]) == f"<3 rows of {dataset}, all, test split>"
    table = rows.to_pandas()
    assert table["id"].tolist() == [one["id"] for one in rows]
    assert table["candidate_tools"][1] == ROWS[0]["candidate_tools"]
    assert list(rows[:0].to_pandas().columns) == list(petoolbench.COLUMNS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "there is no dataset folder nowhere/ here; run `petoolbench build` first"),
        (["petoolbench", "liked"], "unknown setting 'liked'; choose one of: all, preferred_only"),
        (["petoolbench", "all", "dev"], "unknown split of petoolbench 'dev'; choose one of: test"),
        (["petoolbench", "selectivity"], "petoolbench does not have a readable config 'selectivity'"),
        (["petoolbench", "all", "test", "v1"], "petoolbench is a folder here and has no revisions"),
    ],
)
def test_a_mistake_in_load_is_said_in_a_sentence(dataset, arguments, message):
    with pytest.raises(InputError) as error:
        petoolbench.load(*arguments)
    assert message in str(error.value)


# --- evaluations -----------------------------------------------------------------------------------------------------


def test_a_function_is_evaluated_and_nothing_is_stored(dataset, tmp_path):
    before = sorted(tmp_path.iterdir())
    found = petoolbench.evaluate(cirrox, dataset)
    assert sorted(tmp_path.iterdir()) == before
    assert found.folder is None
    assert isinstance(found.scores, Scores)
    assert found.scores.model == "python:test_python_api:cirrox"
    assert found.scores.score("all", "tool_acc").value == 11 / 12
    assert "Tool Acc 91.7 (" in repr(found) and "12 rows" in repr(found)


def test_with_a_folder_it_is_stored_scored_again_and_continued(dataset, monkeypatch):
    found = petoolbench.evaluate(cirrox, out="results/cirrox", repeat=2)
    assert found.folder == Path("results/cirrox")
    stored = json.loads(Path("results/cirrox/manifest.json").read_text())
    assert stored["options"]["repeat"] == 2
    again = petoolbench.score("results/cirrox")
    assert again.scores == found.scores
    pd.testing.assert_frame_equal(again.to_pandas(), found.to_pandas())
    calls = []
    continued = petoolbench.evaluate(cirrox, out="results/cirrox", repeat=2)
    assert continued.scores == found.scores and not calls
    with pytest.raises(InputError, match="results/cirrox holds another evaluation: model is"):
        petoolbench.evaluate("baseline:random", out="results/cirrox", repeat=2)


def test_the_table_is_that_of_the_rows_file(dataset):
    found = petoolbench.evaluate(cirrox, "petoolbench", "chronological", repeat=2)
    table = found.to_pandas()
    assert list(table.columns) == list(JUDGED_COLUMNS)
    assert len(table) == 22
    assert table["robust_tool_right"].mean() == found.scores.score("all", "tool_acc").value == 1
    expected = list(judged_rows(found.rows, found.predictions))
    assert table["called_tool"].tolist() == [line["called_tool"] for line in expected]
    assert table["prompt_tokens"].isna().all() and str(table["prompt_tokens"].dtype) == "Int64"
    assert str(table["seconds"].dtype) == "float64"


def test_the_scores_are_a_table_too(dataset):
    found = petoolbench.evaluate(cirrox)
    table = found.scores_to_pandas()
    settings = ("preferred_only", "chronological", "all")
    assert len(table) == len(settings) * len(READERS) * (len(METRICS) + len(ERROR_TYPES))
    line = table[(table.setting == "all") & (table.reader == "paper") & (table.metric == "tool_acc")].iloc[0]
    score = found.scores.score("all", "tool_acc", "paper")
    assert (line.value, line.low, line.high) == pytest.approx((score.value, score.low, score.high), nan_ok=True)
    assert line.chance == found.scores.chance["all"]["tool_acc"]
    assert all(str(table[name].dtype) == "float64" for name in ("value", "low", "high", "chance"))


def test_a_spec_and_its_options_are_those_of_the_command(dataset):
    found = petoolbench.evaluate("baseline:random", seed=3, counterfactuals=["no-history"])
    assert found.scores.options.seed == 3
    assert set(found.scores.counterfactual_scores) == {"no-history"}
    assert len(found.predictions) == 12  # those of the counterfactual are apart


def test_functions_with_arguments_of_their_own_and_objects_are_taken(dataset):
    class Method:
        def __call__(self, row):
            return reply("Cirrox")

    def tuned(row, provider):
        return reply(provider)

    assert petoolbench.evaluate(Method()).scores.model.endswith("Method")
    found = petoolbench.evaluate(partial(tuned, provider="Aerwyn"))
    assert found.scores.score("all", "tool_acc").value == 1 / 12
    assert petoolbench.evaluate(lambda messages: messages[1]["content"]).scores.counts["all"].missing == 0


def test_a_function_that_always_raises_is_scored_and_says_why(dataset):
    found = petoolbench.evaluate(fails)
    assert found.scores.counts["all"].missing == 12
    errors = found.to_pandas()["error"]
    assert errors.str.startswith("RuntimeError: <b><script>").all()
    shown = found._repr_html_()
    assert "12 replies are missing and count as wrong." in shown
    assert "The first error: RuntimeError: &lt;b&gt;&lt;script&gt;" in shown and "<script" not in shown


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (5, {}, "the model is of the type int; give a spec, such as openai:gpt-4o-mini, or a function."),
        ("gpt-4o", {}, "unknown model 'gpt-4o'; did you mean openai:gpt-4o?"),
        (lambda text: "", {}, "its first parameter is `text`; name its first parameter `row`"),
        (print, {}, "its first parameter is `args`"),
        (cirrox, {"temprature": 0}, "evaluate does not have an option temprature; did you mean temperature?"),
        (cirrox, {"folder": 0}, "evaluate does not have an option folder; it has: history, prompt"),
        (cirrox, {"repeat": 0}, "the option repeat cannot be 0: input should be greater than or equal to 1."),
        (cirrox, {"prices": (1,)}, "the option prices cannot be (1,): field required."),
        (cirrox, {"seed": 0}, "python:test_python_api:cirrox does not read --seed; leave out what has no effect."),
        (cirrox, {"dataset": "nowhere"}, "there is no dataset folder nowhere/ here"),
        (cirrox, {"setting": "liked"}, "unknown setting 'liked'"),
        (cirrox, {"counterfactuals": "upside-down"}, "upside-down"),
        (cirrox, {"out": "petoolbench/results"}, "is in the dataset's folder"),
    ],
)
def test_a_mistake_in_evaluate_is_said_in_a_sentence(dataset, model, options, message):
    with pytest.raises(InputError) as error:
        petoolbench.evaluate(model, **options)
    assert message in str(error.value)


def test_results_that_cannot_be_scored_are_refused_by_name(dataset):
    with pytest.raises(InputError, match="petoolbench does not hold an evaluation"):
        petoolbench.score("petoolbench")
    petoolbench.evaluate(cirrox, out="old")
    manifest = json.loads(Path("old/manifest.json").read_text())
    Path("old/manifest.json").write_text(json.dumps({**manifest, "fingerprint": "of other columns"}))
    with pytest.raises(InputError, match="holds other rows than when it was evaluated on; evaluate again"):
        petoolbench.score("old")


def test_the_options_are_those_of_the_tables():
    """One that is added there is typed here."""
    known = [field.name for kind in (Options, Connection) for field in fields(kind)]
    assert list(AskOptions.__annotations__) == known
    options, connection = split_options({"history": "last:5", "prices": (0.5, 1), "max_new_tokens": "paper"})
    assert options == Options(history="last:5", max_new_tokens="paper")
    assert connection.prices is not None and (connection.prices.input, connection.prices.output) == (0.5, 1)


# --- audits ----------------------------------------------------------------------------------------------------------


def test_an_audit_is_a_record_a_table_and_a_verdict(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [one for number in range(4) for one in block((f"u{number}", f"v{number}"), block_id=f"b{number}")]
    write_dataset(tmp_path / "petoolbench", [("test", one) for one in rows], lambda: DATASET_FACTS)
    files = sorted(path for path in tmp_path.rglob("*"))
    found = petoolbench.audit("petoolbench")
    assert sorted(path for path in tmp_path.rglob("*")) == files
    assert isinstance(found.record, AuditRecord)
    assert found.passes == (not found.record.failed)
    table = found.to_pandas()
    for setting, one in found.record.settings.items():
        of_setting = table[table.setting == setting].set_index("solver")
        assert of_setting.value.to_dict() == {"ceiling": one.ceiling} | {s.solver: s.value for s in one.scores}
    assert "<table>" in found._repr_html_() and "provider-vote" in found._repr_html_()
    with pytest.raises(InputError, match="unknown gate"):
        petoolbench.audit("petoolbench", allow=["nothing"])


# --- notebooks -------------------------------------------------------------------------------------------------------


def test_html_holds_other_peoples_text_as_text(dataset):
    shown = petoolbench.load(dataset)._repr_html_()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; " in shown
    assert "<script" not in shown and "\u202e" not in shown
    assert "... and 2 more." in shown
    assert html_view("a<b", ["<i>", '1"'], [["<u>", '"']], ["<s>"]) == (
        '<div><p>a&lt;b</p><table><thead><tr><th style="text-align:left">&lt;i&gt;</th><th>1&quot;</th></tr></thead>'
        '<tbody><tr><th style="text-align:left">&lt;u&gt;</th><td>&quot;</td></tr></tbody></table>'
        "<p>&lt;s&gt;</p></div>"
    )


def test_an_evaluations_html_has_both_readers_where_they_differ(dataset):
    name = ROWS[0]["tool_call"]["tool_name"]
    own_form = json.dumps({"name": name, "arguments": {"city": "Oslo"}})
    shown = petoolbench.evaluate(lambda row: own_form)._repr_html_()
    assert ">Tool Acc</th>" in shown and ">Tool Acc, paper reader</th>" in shown
    assert "12 own form" in shown
    assert "paper reader" not in petoolbench.evaluate(cirrox)._repr_html_()


def test_a_notebook_gets_a_bar_of_tqdm(monkeypatch, capsys):
    """Rich calls a notebook neither a terminal nor one that it can draw in without ipywidgets."""
    console = Console(file=io.StringIO(), force_jupyter=True)
    prompts = [Prompt(one["id"], 0, [], [], row=one) for one in ROWS]
    answers = [Answer(prompts[0], None, "x"), *(Answer(prompt, reply("Cirrox")) for prompt in prompts[1:])]
    assert list(with_progress(answers, len(answers), console)) == answers
    drawn = capsys.readouterr().err
    assert "12/12" in drawn and "Tool Acc 83.3" in drawn and "1 failed" in drawn


def test_an_audit_draws_its_bars_in_a_notebook(capsys):
    console = Console(file=io.StringIO(), force_jupyter=True)
    with progress_bars(console) as bars:
        bar = bars.add_task("Reading the rows", total=None)
        bars.advance(bar, 3)
        bars.update(bar, total=4, advance=1, description="Asking")
    assert "Asking: 100%" in capsys.readouterr().err
    with progress_bars(Console(file=io.StringIO())) as bars:  # neither a terminal nor a notebook
        bars.advance(bars.add_task("Reading the rows", total=1))
    assert capsys.readouterr() == ("", "")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # rich warns where it cannot draw
        with at_work(console, "Scoring"):
            pass


def in_a_running_loop(function):
    """The result of a function that is called while the thread's event loop runs, as a notebook's cells are."""

    async def cell():
        return function()

    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(cell())
    finally:
        loop.close()


def test_endpoints_are_asked_where_an_event_loop_runs_already(dataset, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    with ScriptedServer(lambda body: reply("Cirrox"), latency=0.05) as server:
        found = in_a_running_loop(lambda: petoolbench.evaluate("openai:m", base_url=server.url, concurrency=3))
        assert found.scores.score("all", "tool_acc").value == 11 / 12
        assert server.counts["in_flight_max"] > 1
        with pytest.raises(InputError, match="refuses"):
            server.faults = dict.fromkeys(range(12, 40), "401")
            in_a_running_loop(lambda: petoolbench.evaluate("openai:m", base_url=server.url))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("petoolbench")]


@pytest.fixture
def interruptible():
    """Interrupts are raised, also where who started the tests ignores them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupted_cell_keeps_what_was_answered(dataset, monkeypatch, interruptible):
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    asked = []

    def answer(body):
        asked.append(body)
        if len(asked) == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return reply("Cirrox")

    def cell():
        return petoolbench.evaluate("openai:m", out="out", base_url=server.url, concurrency=2)

    with ScriptedServer(answer, latency=0.05) as server:
        with pytest.raises(KeyboardInterrupt):
            in_a_running_loop(cell)
        kept = len(Path("out/predictions.jsonl").read_text().splitlines())
        assert 4 <= kept == len(asked) < 12
        assert in_a_running_loop(cell).scores.counts["all"].missing == 0
        assert len(asked) == 12


def test_the_notebook_in_the_docs_runs(tmp_path, monkeypatch):
    """Its cells, one after the other, in one namespace, as a kernel runs them."""
    notebook = json.loads((ROOT / "docs" / "python.ipynb").read_text())
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    monkeypatch.chdir(tmp_path)
    rows = [one for number in range(3) for one in block((f"u{number}", f"v{number}"), block_id=f"b{number}")]
    write_dataset(tmp_path / "petoolbench", [("test", one) for one in rows], lambda: DATASET_FACTS)
    namespace: dict = {"__name__": "__main__"}
    shown = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            tree = ast.parse("".join(cell["source"]))
            last = ast.Expression(tree.body.pop().value) if isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, "cell", "exec"), namespace)
            shown += [eval(compile(last, "cell", "eval"), namespace)] if last else []
    in_html = [type(value).__name__ for value in shown if hasattr(value, "_repr_html_") and value._repr_html_()]
    assert {"Rows", "Evaluation", "Audit", "DataFrame"} <= set(in_html)
