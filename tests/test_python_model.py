"""`--model python:FILE_OR_MODULE:FUNCTION`: functions that are taken, what they get, what becomes of their errors."""

import json
import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from petoolkit.builder.dataset_folder import write_dataset
from rows import DATASET_FACTS, past_call, reply, row

from petoolbench import InputError, render_messages
from petoolbench_cli import main
from petoolkit.evaluator.evaluate import evaluate
from petoolkit.evaluator.models.python_function import find_function, offered
from petoolkit.evaluator.models.python_model import SHOWN_COLUMNS
from petoolkit.evaluator.options import Options
from petoolkit.evaluator.results_folder import read_results
from petoolkit.publisher.local_paths import without_folders

ROWS = [row(f"u{number}", "chronological", "Cirrox", [past_call("Cirrox")]) for number in range(4)]

CODE = '''
import json
import beside

SEEN = []

def first(row):
    """The first candidate, whatever is asked; what it does to the row must reach nobody."""
    SEEN.append(row)
    name = row["candidate_tools"][1]["tool_name"]
    row["candidate_tools"].clear()
    return json.dumps({"tool_name": name, "parameters": {"city": "Oslo"}})

def talks(messages, greeting=beside.GREETING, *more, **others):
    SEEN.append([dict(message) for message in messages])
    messages.clear()
    return greeting

def fails_on_u2(row):
    if row["user_id"] == "u2":
        raise ValueError("no such\\ncity. Much more.")
    return first(row)

def no_text(row):
    return {"u0": None, "u1": {"tool_name": "x"}, "u2": 5}.get(row["user_id"], "")

class Model:
    def answer(self, row):
        return "a"
    def __call__(self, messages):
        return "b"

MODEL = Model()

def other(text): return ""
def nothing(): return ""
def two(row, city): return ""
def named(*, row): return ""
async def later(row): return ""
'''


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    write_dataset(tmp_path / "petoolbench", [("test", one) for one in ROWS], lambda: DATASET_FACTS)
    (tmp_path / "method.py").write_text(CODE)
    (tmp_path / "beside.py").write_text("GREETING = 'Hello.'\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in ("method", "beside"):
        sys.modules.pop(name, None)


def run(*arguments):
    return CliRunner().invoke(main, ["evaluate", "--out", "out", *arguments])


def one_line(text):
    return " ".join(text.split())


def stored(name):
    """The lines of an evaluation, by user."""
    return {line["id"].partition("/")[0]: line for line in read_results(Path(name)).predictions}


def test_a_function_of_rows_answers_each_row_and_sees_nothing_that_decides(folder):
    result = run("--model", "python:method.py:first")
    assert result.exit_code == 0, result.output
    assert {line["reply"] for line in stored("out").values()} == {json.dumps(json.loads(reply("Cirrox")))}
    scores = json.loads(Path("out/scores.json").read_text())
    assert scores["scores"]["all"]["robust"]["joint_acc"]["value"] == 1  # of rows that no function has changed
    seen = find_function("method.py:first").call.__globals__["SEEN"]
    assert len(seen) == 4 and all(tuple(one) == SHOWN_COLUMNS for one in seen)
    assert all(line["seconds"] >= 0 for line in stored("out").values())


def test_what_a_function_of_rows_gets_can_be_rendered(folder):
    shown = {name: ROWS[0][name] for name in SHOWN_COLUMNS}
    assert render_messages(shown) == render_messages(ROWS[0])


def test_a_function_of_messages_gets_the_prompt_as_options_make_it(folder):
    assert run("--model", "python:method:talks", "--history", "none", "--repeat", "2").exit_code == 0
    seen = sys.modules["method"].SEEN
    assert seen == [render_messages(one, history=False) for one in ROWS] * 2
    manifest = json.loads(Path("out/manifest.json").read_text())
    assert manifest["options"] == {"history": "none", "repeat": 2, "prompt": "petoolbench", "truncate": "oldest"} | {
        "window": 4000
    }
    assert stored("out")["u1"]["reply"] == "Hello."


def test_the_window_holds_for_functions_of_messages(folder):
    result = run("--model", "python:method:talks", "--window", "100")
    assert result.exit_code == 0
    assert all(line["dropped_interactions"] == 1 and line["over_window"] for line in stored("out").values())


def test_objects_that_can_be_called_are_functions_too(folder):
    assert find_function("method.py:MODEL").reads == "messages"
    assert find_function("method.py:MODEL.answer").call({}) == "a"


def test_a_function_that_raises_fails_its_row_and_the_run_goes_on(folder):
    result = run("--model", "python:method.py:fails_on_u2")
    assert result.exit_code == 0, result.output
    lines = stored("out")
    error = lines["u2"]["error"]
    assert re.fullmatch(r"ValueError: no such city \(method\.py, line \d+\)", error)
    assert lines["u2"]["reply"] is None and lines["u3"]["reply"]
    assert "1 requests failed and count as wrong" in one_line(result.output)
    assert f"The first error: {error}" in one_line(result.output)
    scores = json.loads(Path("out/scores.json").read_text())
    assert scores["scores"]["all"]["robust"]["tool_acc"]["value"] == 0.75
    assert scores["counts"]["all"]["missing"] == 1


def test_a_run_that_was_stopped_continues_and_asks_again_what_failed(folder, monkeypatch):
    asked, fail = [], {"u1": ValueError("x"), "u2": KeyboardInterrupt()}

    def answer(row):
        asked.append(row["user_id"])
        if error := fail.get(row["user_id"]):
            raise error
        return "a"

    with offered(answer) as name:
        with pytest.raises(KeyboardInterrupt):
            evaluate("petoolbench", "all", f"python:{name}", Path("out"))
        fail.clear()
        scores = evaluate("petoolbench", "all", f"python:{name}", Path("out"))
    assert asked == ["u0", "u1", "u2", "u1", "u2", "u3"]
    assert scores.counts["all"].missing == 0


def test_what_is_no_text_fails_its_row_with_a_sentence(folder):
    assert run("--model", "python:method.py:no_text").exit_code == 0
    errors = {user: line["error"] for user, line in stored("out").items()}
    assert errors == {
        "u0": "the function returned None; return the reply as text",
        "u1": "the function returned a value of the type dict; return the call as JSON text (json.dumps)",
        "u2": "the function returned a value of the type int; return the reply as text",
        "u3": None,
    }


def test_a_changed_file_is_another_evaluation(folder):
    assert run("--model", "python:method.py:first").exit_code == 0
    assert run("--model", "python:method.py:first").exit_code == 0
    Path("method.py").write_text(CODE + "\n# changed\n")
    result = run("--model", "python:method.py:first")
    assert result.exit_code == 2
    assert "out holds another evaluation: function_fingerprint is" in one_line(result.output)
    result = run("--model", "python:method.py:fails_on_u2")
    assert "out holds another evaluation: model is 'python:method.py:first' there" in one_line(result.output)


def test_the_fingerprint_is_that_of_the_source(folder):
    as_file, as_module = find_function("method.py:first"), find_function("method:first")
    assert as_file.fingerprint == as_module.fingerprint == find_function("method.py:talks").fingerprint
    assert re.fullmatch("[0-9a-f]{16}", as_file.fingerprint)

    def answer(row):
        return "a"

    with offered(answer) as name:
        assert name.startswith("test_python_model:test_the_fingerprint")
        assert re.fullmatch("[0-9a-f]{16}", find_function(name).fingerprint)
    namespace: dict = {"__name__": "nowhere"}
    exec("def answer(row): return ''", namespace)
    with offered(namespace["answer"]) as name:
        assert (name, find_function(name).fingerprint) == ("nowhere:answer", None)
    with pytest.raises(InputError, match="nowhere cannot be imported"):  # outside the block it is not known
        find_function(name)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("=method.py", "unknown model 'method.py'; did you mean python:method.py:FUNCTION? Known are"),
        ("=method.py:first", "unknown model 'method.py:first'; did you mean python:method.py:first? Known are"),
        ("method.py", "does not say which function; write python:FILE_OR_MODULE:FUNCTION"),
        ("nothing.py:f", "nothing.py cannot be read (no such file or directory)"),
        (".:f", "'.' is neither a file that ends in .py nor the name of a module"),
        ("nothing.at.all:f", "cannot be imported: ModuleNotFoundError: No module named 'nothing'; correct it"),
        ("wrong.py:f", "wrong.py cannot be imported: NameError: name 'no' is not defined (wrong.py, line 2)"),
        ("broken.py:f", "broken.py cannot be imported: SyntaxError: "),
        ("exits.py:f", "exits.py cannot be imported: SystemExit: 3 (exits.py, line 1)"),
        ("method.py:f", "method.py does not have f; its functions are first, talks, fails_on_u2, no_text and 5 more."),
        ("beside:f", "beside does not have f; it has no function."),
        ("method.py:SEEN", "SEEN is of the type list, not a function"),
        ("method.py:Model", "Model is a class, not a function; give a function, or an object that can be called."),
        ("method.py:other", "its first parameter is `text`; name its first parameter `row`"),
        ("method.py:nothing", "it has no parameter; name its first parameter `row`"),
        ("method.py:named", "its first parameter is `row`; name its first parameter"),
        ("method.py:two", "two is called with the row alone; give city a default."),
        ("method.py:later", "later is asynchronous; give a function that returns the reply itself"),
    ],
)
def test_what_cannot_be_asked_is_said_in_one_sentence(folder, spec, message):
    Path("wrong.py").write_text("x = 1\nno\n")
    Path("broken.py").write_text("def f(:\n")
    Path("exits.py").write_text("raise SystemExit(3)\n")
    result = run("--model", spec[1:] if spec[0] == "=" else f"python:{spec}")
    assert result.exit_code == 2
    assert message in one_line(result.output)
    assert "Traceback" not in result.output
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("function", "options", "unread"),
    [
        ("first", ["--window", "100"], "--window"),
        ("talks", ["--seed", "1"], "--seed"),
        ("talks", ["--temperature", "0"], "--temperature"),
    ],
)
def test_options_that_the_function_does_not_read_are_refused(folder, function, options, unread):
    result = run("--model", f"python:method.py:{function}", *options)
    assert result.exit_code == 2
    assert f"python:method.py:{function} does not read {unread}" in one_line(result.output)


def test_counterfactuals_reach_functions_of_rows(folder):
    asked = []

    def answer(row):
        asked.append((row["id"].partition("#")[2], len(row["history"])))
        return "a"

    with offered(answer) as name:
        evaluate("petoolbench", "all", f"python:{name}", Path("out"), Options(), counterfactuals="no-history")
    assert asked == [("", 1)] * 4 + [("no-history", 0)] * 4


class Mute(Exception):
    def __str__(self):
        raise RuntimeError


def recurse(row):
    return recurse(row)


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        (Mute(), "Mute (test_python_model.py, line "),
        (SystemExit(3), "SystemExit: 3 (test_python_model.py, line "),
        (ValueError("two\n lines\x1b[31m"), "ValueError: two lines\ufffd[31m (test_python_model.py, line "),
        (AssertionError(), "AssertionError (test_python_model.py, line "),
        (None, "RecursionError: maximum recursion depth exceeded"),
    ],
)
def test_whatever_is_raised_is_a_sentence_on_one_line(folder, raised, error):
    def answer(row):
        if raised is None:
            return recurse(row)
        raise raised

    with offered(answer) as name:
        scores = evaluate("petoolbench", "all", f"python:{name}", Path("out"))
    assert scores.counts["all"].missing == 4
    assert stored("out")["u1"]["error"].startswith(error)


def test_what_is_published_names_the_file_and_not_its_folder(folder):
    assert without_folders(f"python:{folder}/method.py:first") == "python:method.py:first"
    assert without_folders("python:method:first") == "python:method:first"
    (folder / "base").mkdir()
    assert without_folders(f"hf:{folder}/base+./base") == "hf:base+base"


def test_a_file_beside_the_function_hides_no_package(folder, monkeypatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    Path("colorsys.py").write_text("raise SystemExit(3)\n")
    Path("method.py").write_text("import colorsys\n" + CODE)
    assert find_function("method.py:first").reads == "row"
