"""Every folder of metrics/ is tested by existing; the numbers by cases whose sum one can see."""

import doctest
import inspect
import json
from pathlib import Path

import evaluate
import pytest
from conftest import ROOT

import petoolkit.scoring
from petoolkit.evaluator.scores.judgements import judge
from petoolkit.replies import READERS

METRICS = sorted(path.name for path in (ROOT / "metrics").iterdir() if path.is_dir() and path.name != "__pycache__")
GOLD = '{"tool_name": "<A>.<B>.<C>", "parameters": {"n": 3}}'
REPLIES = [
    GOLD,
    '{"tool_name": "<A>.<B>.<D>", "parameters": {"n": 3}}',
    '{"tool_name": "<A>.<B>.<C>", "parameters": {"n": "3"}}',
    '{"tool_name": "<A>.<B>.<C>", "parameters": {"n": 3} }',
    "",
]
TOOL = {
    "tool_name": "<A>.<B>.<C>",
    "required_parameters": [{"name": "n", "type": "NUMBER", "description": "", "default": None}],
    "optional_parameters": [],
}


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_runs_its_doctests_and_has_its_card(name):
    metric = evaluate.load(f"metrics/{name}")
    parameters = inspect.signature(metric._compute).parameters.values()
    assert all(parameter.kind is not inspect.Parameter.VAR_KEYWORD for parameter in parameters)
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    module = inspect.getmodule(type(metric))
    tests = finder.find(type(metric), type(metric).__name__, module=False, globs={"evaluate": evaluate})
    tests = tests or [doctest.DocTestParser().get_doctest(module._KWARGS_DESCRIPTION, {}, name, None, 0)]
    for test in tests:
        runner.run(test)
    assert runner.summarize().failed == 0
    assert runner.summarize().attempted >= 2
    card = (ROOT / "metrics" / name / "README.md").read_text()
    for heading in ("How to use", "Inputs", "Output", "Limitations", "Citation"):
        assert f"## {heading}" in card
    assert (ROOT / "metrics" / name / "requirements.txt").exists()


@pytest.mark.parametrize("name", METRICS)
def test_half_a_surrogate_pair_in_a_reply_is_no_failure(name):
    reference = GOLD
    if name == "tool_call_errors":
        call = {"tool_name": "<A>.<B>.<C>", "parameters": '{"n": 3}'}
        reference = {"tool_call": call, "candidate_tools": [call["tool_name"]], "same_function_tools": []}
    metric = evaluate.load(f"metrics/{name}")
    metric.add(prediction="Well \ud83d: " + GOLD, reference=reference)
    metric.add_batch(predictions=[GOLD, "\udc00"], references=[reference] * 2)
    assert 2 / 3 in metric.compute().values()


@pytest.mark.parametrize(
    ("metric", "options", "expected"),
    [
        ("tool_acc", {}, 3 / 5),
        ("tool_acc", {"reader": "paper"}, 2 / 5),
        ("param_acc", {}, 3 / 5),
        ("param_acc", {"tools": [TOOL]}, 4 / 5),
        ("param_acc", {"reader": "paper"}, 2 / 5),
        ("param_acc", {"reader": "paper", "tools": [TOOL]}, 2 / 5),
    ],
)
@pytest.mark.parametrize("struct", [False, True], ids=["text", "struct"])
def test_scores_divide_by_all_rows(metric, options, expected, struct):
    reference = {"tool_name": "<A>.<B>.<C>", "parameters": '{"n": 3}'} if struct else GOLD
    result = evaluate.load(f"metrics/{metric}").compute(
        predictions=REPLIES, references=[reference] * len(REPLIES), **options
    )
    assert result == {metric: expected}
    assert type(result[metric]) is float


@pytest.mark.parametrize(
    ("options", "counts"),
    [
        ({}, {"tool_acc": 3, "param_acc": 4, "IF": 1, "PVM": 1}),
        ({"tools": [TOOL]}, {"tool_acc": 3, "param_acc": 5, "IF": 1, "PVM": 0}),
        ({"reader": "paper"}, {"tool_acc": 2, "param_acc": 3, "IF": 2, "PVM": 1}),
    ],
)
def test_error_types_are_counted_as_by_hand(options, counts):
    """Two replies more than above: one calls no candidate, with no parameters, one a tool of another function."""
    row = {
        "tool_call": {"tool_name": "<A>.<B>.<C>", "parameters": '{"n": 3}'},
        "candidate_tools": [{"tool_name": f"<A>.<B>.<{api}>"} for api in "CDE"],
        "same_function_tools": ["<A>.<B>.<C>", "<A>.<B>.<D>"],
    }
    replies = [*REPLIES, '{"tool_name": "C", "parameters": {}}', GOLD.replace("<C>", "<E>")]
    shares = evaluate.load("metrics/tool_call_errors").compute(
        predictions=replies, references=[petoolkit.scoring.error_reference(row)] * 7, **options
    )
    expected = {"TH": 1, "TFM": 1, "TPM": 1, "PNM": 1, **counts}
    assert shares == pytest.approx({name: count / 7 for name, count in expected.items()})


@pytest.mark.parametrize("reader", READERS)
def test_metrics_score_every_shape_of_reply_as_an_evaluation_does(reader):
    documents = [{**TOOL, "tool_name": name} for name in "ABT"]
    documents[2] = {**documents[2], "required_parameters": [{**TOOL["required_parameters"][0], "name": "a"}]}
    row = {
        "tool_call": {"tool_name": "T", "parameters": '{"a": 1}'},
        "candidate_tools": documents,
        "same_function_tools": ["T", "B"],
    }
    replies = [case["reply"] for case in json.loads((ROOT / "tests" / "fixtures" / "replies.json").read_text())]
    rows = [{**row, "id": str(number)} for number in range(len(replies))]
    judged = judge(rows, [{"id": str(number), "repeat": 0, "reply": reply} for number, reply in enumerate(replies)])
    options = {"predictions": replies, "reader": reader}
    names = {"references": [row["tool_call"]] * len(replies), "candidate_tools": [list("ABT")] * len(replies)}
    tool_acc = evaluate.load("metrics/tool_acc").compute(**options, **names)
    param_acc = evaluate.load("metrics/param_acc").compute(**options, **names, tools=[documents[2]])
    errors = evaluate.load("metrics/tool_call_errors").compute(
        **options, references=[petoolkit.scoring.error_reference(row)] * len(replies), tools=[documents[2]]
    )
    expected = {name: judged.right(reader, name).mean() for name in ("tool_acc", "param_acc")}
    expected |= {name: wrong.mean() for name, wrong in judged.errors(reader).items()}
    assert {**tool_acc, **param_acc} == pytest.approx({name: expected[name] for name in ("tool_acc", "param_acc")})
    assert errors == pytest.approx(expected)


def test_a_wrong_reader_or_reference_gives_one_sentence():
    metric = evaluate.load("metrics/tool_acc")
    with pytest.raises(ValueError, match="unknown reader"):
        metric.compute(predictions=[GOLD], references=[GOLD], reader="x")
    with pytest.raises(ValueError, match="not a tool call: 'nothing'"):
        metric.compute(predictions=[GOLD], references=["nothing"])


def test_metrics_import_only_what_can_be_installed():
    """`evaluate` copies a metric's file away from here: it must not reach for its neighbours."""
    for name in METRICS:
        source = (ROOT / "metrics" / name / f"{name}.py").read_text()
        imports = [line for line in source.splitlines() if line.startswith(("import ", "from "))]
        modules = [line.split()[1] for line in imports]
        own = {"petoolkit.metric_inputs", "petoolkit.call_parameters", "petoolkit.replies", "petoolkit.scoring"}
        assert set(modules) <= {"evaluate", "petoolbench", *own}
    assert Path(petoolkit.scoring.__file__).is_relative_to(ROOT)
