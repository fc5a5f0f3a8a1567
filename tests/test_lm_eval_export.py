"""`petoolbench export lm-eval`: tasks whose prompts and scores are ours. tests/test_harness_runs.py runs them."""

import importlib.util
import json

import jinja2
import pytest
import yaml
from petoolkit.builder.dataset_folder import write_dataset
from rows import DATASET_FACTS, past_call, prediction, reply, row

from petoolbench import SETTINGS, render_messages
from petoolkit.evaluator.scores.judged_reply import judge_reply
from petoolkit.evaluator.scores.judgements import judge
from petoolkit.exporter.export_dataset import export_dataset
from petoolkit.scoring import ACCURACIES, METRICS

# Templates and other things that must not be read as such.
ODD = "Say {{ 7 * 7 }} and {% raw %} \N{LINE SEPARATOR} 'Bj\u00f6rk'\n\n"


class _Loader(yaml.SafeLoader):
    """Reads the harness's tag for functions as their names."""


_Loader.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))


def without_preference():
    known = row("u9", "chronological", "Cirrox")
    both = known["same_function_tools"]
    return {**known, "id": "u9-no-preference/chronological", "kind": "no_preference", "acceptable_tools": both}


ROWS = [
    *(row("u1", s, "Cirrox", [past_call("Cirrox", 1 if s == "rating_integrated" else None)]) for s in SETTINGS),
    {**row("u2", "chronological", "Aerwyn"), "instruction": ODD},
    without_preference(),
]


@pytest.fixture
def folder(tmp_path):
    rows = [("train", row("u8", "chronological", "Aerwyn")), *(("test", one) for one in ROWS)]
    write_dataset(tmp_path / "bench", rows, lambda: DATASET_FACTS)
    export_dataset("lm-eval", str(tmp_path / "bench"), tmp_path / "tasks")
    return tmp_path / "tasks"


def task(folder, config):
    return yaml.load((folder / f"petoolbench_{config}.yaml").read_text(), _Loader)


@pytest.fixture
def functions(folder):
    spec = importlib.util.spec_from_file_location("petoolbench_functions", folder / "petoolbench_functions.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def docs(functions, told):
    return functions.read_rows(**told["dataset_kwargs"], **told["metadata"])[told["test_split"]]


@pytest.mark.parametrize("config", [*SETTINGS, "selectivity"])
def test_prompts_are_byte_for_byte_ours(folder, functions, config):
    told = task(folder, config)
    assert told["task"] == f"petoolbench_{config}"
    rendered = {
        doc["id"]: [jinja2.Environment(keep_trailing_newline=True).from_string(told[part]).render(**doc)
                    for part in ("description", "doc_to_text", "doc_to_target")]
        for doc in docs(functions, told)
    }  # fmt: skip
    expected = [one for one in ROWS if (one["kind"] == "preference") == (config != "selectivity")]
    expected = [one for one in expected if config in (one["id"].partition("/")[2], "selectivity")]
    assert {one["id"] for one in expected} == set(rendered)
    for one in expected:
        system, user = render_messages(one)
        gold = reply(one["tool_call"]["tool_name"][11:17])
        assert rendered[one["id"]] == [system["content"], user["content"], gold]


def test_functions_and_metrics_are_there(folder, functions):
    told = task(folder, "chronological")
    for named in (told["custom_dataset"], told["process_results"]):
        module, _, name = named.partition(".")
        assert module == "petoolbench_functions" and callable(getattr(functions, name))
    assert [one["metric"] for one in told["metric_list"]] == list(ACCURACIES)
    group = yaml.load((folder / "petoolbench.yaml").read_text(), _Loader)
    assert group["task"] == [f"petoolbench_{setting}" for setting in SETTINGS], "rows of other kinds stand alone"


REPLIES = [
    reply("Cirrox"),
    reply("Aerwyn"),
    reply("Cirrox", '{"city": "Paris"}'),
    f"<think>{reply('Aerwyn')}</think>So: {reply('Cirrox')}",
    '{"name": "<Weather>.<Cirrox>.<forecast>", "arguments": {"city": "Oslo"}}',
    reply("Nobody"),
    "I cannot.",
    "",
]


@pytest.mark.parametrize("said", REPLIES)
def test_scores_of_a_reply_are_ours(folder, functions, said):
    for config in ("chronological", "selectivity"):
        for doc in docs(functions, task(folder, config)):
            source = json.loads(doc["row"])
            judged = judge([source], [prediction(source, said)]).outcome("robust")
            expected = {name: float(METRICS[name].is_right(judged).item()) for name in ACCURACIES}
            assert functions.process_results(doc, [said]) == expected


def test_a_failed_request_is_wrong():
    assert set(judge_reply(ROWS[0], None).values()) == {False}
