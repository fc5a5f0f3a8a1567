"""What the explorer shows of how a history was shown to models: real evaluations, with a scripted server."""

import json
import shutil

import pytest
from explorer_data import HOSTILE, write_evaluation
from petoolkit.builder.dataset_folder import write_dataset
from rows import DATASET_FACTS, reply
from scripted_server import ScriptedServer, text_of
from two_blocks import blocks

from petoolkit.evaluator.evaluate import evaluate
from petoolkit.evaluator.history_methods.memories import write_memories
from petoolkit.evaluator.history_methods.memory_function import MemoryFunction
from petoolkit.evaluator.history_methods.nearest_calls import NearestCalls
from petoolkit.evaluator.options import Connection, Options
from petoolkit.explorer.content import read_content
from petoolkit.explorer.space_folder import write_space

pytest.importorskip("starlette", reason="the explorer's extra is not installed")
from explorer_client import Client, part
from explorer_client import text_of as text_of_html


def longer(row: dict) -> dict:
    """The row with three times as many past calls, each with a request of its own."""
    calls, taste = row["history"] * 3, json.loads(row["taste"])
    numbered = [{**call, "instruction": f"Lyrics {number}, please."} for number, call in enumerate(calls, 1)]
    changed = {"history": numbered, "history_length": len(numbered)}
    return {**row, **changed, "taste": json.dumps({**taste, "call_traits": taste["call_traits"] * 3})}


ROWS = [longer(one) for one in blocks(("b1",))]
ROW = next(one for one in ROWS if one["id"].endswith("chronological"))
MEMORY = """
class Newest:
    def __init__(self, user): self.calls = []
    def observe(self, call): self.calls.append(call)
    def recall(self, request): return [self.calls[-1], self.calls[0]]
    def forget(self): pass
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory) -> Client:
    """Evaluations with all methods of one model, whose texts are hostile."""
    folder = tmp_path_factory.mktemp("shown")
    write_dataset(folder / "petoolbench", [("test", one) for one in ROWS], lambda: DATASET_FACTS)
    (folder / "memory.py").write_text(MEMORY)
    asked = {"0": "full", "1": "none", "2": "last:2", "5": f"python:{folder}/memory.py:Newest"}
    for name, method in asked.items():
        given = {"window": 4000, "temperature": 0.1, "history": method}
        write_evaluation(folder / "results" / name, [reply("Aerwyn")] * len(ROWS), "hf:m", ROWS, **given)
    recalled = MemoryFunction(f"{folder}/memory.py:Newest").memories(ROWS)
    write_memories(folder / "results" / "5", {one.key: one for one in recalled})

    def answer(body):
        writes = text_of(body["messages"][0]).startswith("You get to know a user")
        return f"{HOSTILE} likes {text_of(body['messages'][1])[-40:]}" if writes else reply("Aerwyn")

    with pytest.MonkeyPatch.context() as patch, ScriptedServer(answer) as server:
        patch.setenv("OPENAI_API_KEY", "unused")
        patch.setattr("petoolkit.evaluator.scores.rescore._rule_values", lambda *asked: {})
        patch.setattr(NearestCalls, "fingerprint", "0" * 16)  # loading an embedding model takes seconds
        patch.setattr(NearestCalls, "prepare", lambda self, rows: None)
        patch.setattr(
            NearestCalls,
            "numbers",
            lambda self, rows: [[n for n in (0, 2, 3) if n < len(row["history"])] for row in rows],
        )
        for name, method, changed in (("3", "retrieved:3", ""), ("4", "profile", "swap")):
            out, given = folder / "results" / name, Options(history=method)
            dataset, connection = str(folder / "petoolbench"), Connection(server.url)
            evaluate(dataset, "all", "openai:m", out, given, connection, counterfactuals=changed)
    made = Client(read_content(str(folder / "petoolbench"), None, [folder / "results"]))
    made.folder = folder
    return made


def shown(client, query) -> str:
    """The part of a row's page on what models were shown."""
    return text_of_html(part(client.html(query), 'class="shown"', '<ol class="timeline">'))


def test_each_way_to_show_a_history_stands_beside_it_with_the_calls_or_the_text(client):
    found = shown(client, f"?row={ROW['id']}")
    assert "full calls 1\N{EN DASH}6 shown to hf:m" in found
    assert "none no past call shown to hf:m, no history" in found
    assert "last:2 calls 5\N{EN DASH}6 shown to hf:m, history last:2" in found
    assert "retrieved:3 calls 1, 3\N{EN DASH}4 shown to" in found
    assert ":Newest calls 1, 6 shown to" in found
    assert "profile a text instead of the calls shown to openai:m, history profile" in found
    assert "made of 6 past calls" in found
    assert HOSTILE in found  # as text
    html = client.html(f"?row={ROW['id']}")
    assert "<script>window" not in html and "<img" not in html
    cards = part(html, '<ol class="timeline">', "</ol>").split('<li class="call')[1:]
    marks = [[name for name in ("last:2", "retrieved:3", ":Newest") if name in text_of_html(card)] for card in cards]
    assert marks == [
        ["retrieved:3", ":Newest"],
        [],
        ["retrieved:3"],
        ["retrieved:3"],
        ["last:2"],
        ["last:2", ":Newest"],
    ]


def test_a_counterfactual_shows_what_was_made_of_the_changed_history(client):
    row = next(one["id"] for one in ROWS if one["id"].endswith("rating_integrated"))
    own, swapped = (shown(client, f"?row={row}{change}") for change in ("", "&change=swap"))
    assert "a text instead of the calls" in swapped
    assert own != swapped


def test_the_prompt_as_sent_has_the_text_and_the_calls(client):
    link = f"/prompt?row={ROW['id']}&model="
    assert HOSTILE in text_of_html(client.html(path=link + "openai:m, history profile"))
    models = ("hf:m, history last:2", "openai:m, history retrieved:3")
    assert [client.html(path=link + model).count(", please.") for model in models] == [2, 3]


def test_where_all_were_shown_all_nothing_is_said(client):
    content = read_content(str(client.folder / "petoolbench"), None, [client.folder / "results" / "0"])
    assert 'class="shown"' not in Client(content).html(f"?row={ROW['id']}")


def test_earlier_evaluations_that_do_not_record_the_calls_say_so(client, tmp_path):
    out = shutil.copytree(client.folder / "results" / "3", tmp_path / "old")
    lines = [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]
    assert all(line.pop("shown_calls") for line in lines)
    (out / "predictions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    made = Client(read_content(str(client.folder / "petoolbench"), None, [out]))
    assert "which calls is not recorded" in shown(made, f"?row={ROW['id']}")


def test_a_space_keeps_what_was_made(client, tmp_path):
    results = [client.folder / "results" / number for number in ("4", "0")]
    write_space(tmp_path / "space", str(client.folder / "petoolbench"), None, results)
    kept = list((tmp_path / "space").rglob("memories.jsonl"))
    assert [path.read_bytes() for path in kept] == [(results[0] / "memories.jsonl").read_bytes()]
