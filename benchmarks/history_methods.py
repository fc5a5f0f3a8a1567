"""What each history method shows of rows, and what it is worth: to rules, a selector and a scripted model.

    python benchmarks/history_methods.py DATASET [--blocks 60] [--selector SELECTOR] [--report DIR]

Tokens are those of whole prompts, at 3.8 characters each and without a window. Rules and the selector are asked about
the test rows, and the scripted model about those of some blocks, over the network of this machine. It is told which
tools do what a request asks, and which traits a provider's description shows; all else it reads in the prompt, so that
its accuracy says what a method lets through. As a profile, and as notes, it writes how much each trait is liked.
"""

import argparse
import json
import os
import re
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from machine import heading

from petoolbench import SETTINGS, setting_of
from petoolkit.dataset_record import DatasetRecord
from petoolkit.evaluator.dataset_rows import load_split
from petoolkit.evaluator.evaluate import evaluate
from petoolkit.evaluator.history_methods.method_table import parse_history_method
from petoolkit.evaluator.history_methods.shown_rows import HistoryView
from petoolkit.evaluator.models.baselines import predict
from petoolkit.evaluator.models.openai_model import CHARACTERS_A_TOKEN
from petoolkit.evaluator.options import Connection, Options
from petoolkit.evaluator.prompts.window import shown_messages
from petoolkit.evaluator.records import Scores
from petoolkit.evaluator.report.write_report import write_report
from petoolkit.replies import parse_reply
from petoolkit.selector.tool_selector import Selector
from petoolkit.text import ALL, markdown_table, percent, with_interval

sys.path.append(str(Path(__file__).parent.parent / "tests"))

SHOWING = ("full", "none", "last:5", "retrieved:5")
RULES = ("preference-rule", "attribute-words", "attribute-embedding", "trait-oracle")
WINDOW = 20_000  # so that nothing is left out
_CALL = re.compile(r'^(?:Call (\d+): )?(\{"instruction": .*\})$', re.MULTILINE)
_TOOL = re.compile(r'^(\{"tool_name": .*"tool_description": .*\})$', re.MULTILINE)
_TEXT = re.compile(r'^\{"(?:description|notes|memory)": (".*")\}$', re.MULTILINE)
_BEFORE = re.compile(r'^Your notes so far: (".*")$', re.MULTILINE)


def tokens_of(rows: Iterable[dict]) -> dict[str, float]:
    """Mean number of tokens of rows' prompts, by setting and for all."""
    found: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        length = sum(len(message["content"]) for message in shown_messages(row)) / CHARACTERS_A_TOKEN
        found[setting_of(row)].append(length)
        found[ALL].append(length)
    return {name: float(np.mean(lengths)) for name, lengths in found.items()}


def tool_acc(rows: Sequence[dict], replies: Iterable[str]) -> dict[str, float]:
    """The share of right tools, by setting and for all."""
    found: dict[str, list[bool]] = defaultdict(list)
    for row, reply in zip(rows, replies, strict=True):
        call = parse_reply(reply)
        is_right = call is not None and call.tool_name in row["acceptable_tools"]
        found[setting_of(row)].append(is_right)
        found[ALL].append(is_right)
    return {name: float(np.mean(right)) for name, right in found.items()}


def selector_replies(selector: Selector, rows: Sequence[dict]) -> Iterable[str]:
    """The tool that a selector chooses for each row, as a reply without parameters."""
    selector.prepare(rows)
    for row in rows:
        (ranking,) = selector.rank([row], reasons=False)
        yield json.dumps({"tool_name": row["candidate_tools"][ranking[0].number]["tool_name"], "parameters": {}})


class ScriptedModel:
    """A reader that makes no mistake.

    Args:
        rows: that tell it which tools do what a request asks, and what descriptions show.
    """

    def __init__(self, rows: Iterable[dict]):
        self._members: dict[str, set[str]] = defaultdict(set)  # by instruction
        self._traits: dict[str, list[str]] = {}  # by description
        for row in rows:
            taste = json.loads(row["taste"])
            self._members[row["instruction"]].update(row["same_function_tools"])
            for tool in row["candidate_tools"]:
                self._traits[tool["provider_description"]] = taste["tool_traits"].get(tool["tool_name"], [])
            for call, traits in zip(row["history"], taste["call_traits"], strict=True):
                self._traits[call["provider_description"]] = traits

    def __call__(self, body: dict) -> str:
        system, user = (message["content"] for message in body["messages"])
        if "Candidate tools:" not in system:
            return json.dumps(self._liking(user))
        tools = [json.loads(line) for line in _TOOL.findall(system)]
        text = _TEXT.search(system)
        liking = json.loads(json.loads(text[1])) if text else self._liking(system)
        able = [tool for tool in tools if tool["tool_name"] in self._members[user]]
        shown = [self._traits[tool["provider_description"]] for tool in able]
        best, _ = max(zip(able, shown, strict=True), key=lambda pair: sum(liking.get(one, 0) for one in pair[1]))
        return json.dumps({"tool_name": best["tool_name"], "parameters": {}})

    def _liking(self, prompt: str) -> dict[str, int]:
        """How much each trait is liked: by ratings; by how late a call is, where that decides; by calls elsewhere."""
        before = _BEFORE.search(prompt)
        liking = Counter(json.loads(json.loads(before[1]))) if before else Counter()
        setting = next((one for one in SETTINGS.values() if one.introduction in prompt), None)
        for position, (number, line) in enumerate(_CALL.findall(prompt), start=1):
            call = json.loads(line)
            weight = 1 if call.get("rating", 1) else -1
            if setting and setting.dislikes == "first":
                weight = int(number or position)
            for trait in self._traits[call["provider_description"]]:
                liking[trait] += weight
        return dict(liking)


def of_blocks(rows: Iterable[dict], number: int) -> list[dict]:
    """The rows of the first blocks."""
    names: dict[str, None] = {}
    found = []
    for row in rows:
        if row["block_id"] in names or len(names) < number:
            names[row["block_id"]] = None
            found.append(row)
    return found


def ask_scripted_model(rows: Sequence[dict], methods: Iterable[str], out: Path) -> dict[str, Scores]:
    """Evaluations of the scripted model, by history method; their folders stay in `out`."""
    from petoolkit.builder.dataset_folder import write_dataset
    from scripted_server import ScriptedServer

    facts = DatasetRecord(origin="build", author="offline")
    write_dataset(out / "dataset", [("test", row) for row in rows], lambda: facts)
    os.environ["OPENAI_API_KEY"] = "none"
    found = {}
    with ScriptedServer(ScriptedModel(rows)) as server:
        for method in methods:
            made = Options(history=method, window=WINDOW)
            scores = evaluate(str(out / "dataset"), ALL, "openai:scripted", out / method, made, Connection(server.url))
            assert scores is not None
            found[method] = scores
    return found


def by_setting(values: dict[str, float], write=percent) -> str:
    """Values of the settings in their order, and that of all of them."""
    return f"{' / '.join(write(values[name]) for name in SETTINGS if name in values)} ({write(values[ALL])})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--blocks", type=int, default=60, help="blocks that the scripted model is asked about")
    parser.add_argument("--selector", help="a fitted selector that is asked, too")
    parser.add_argument("--report", type=Path, help="folder for a report on the scripted model")
    asked = parser.parse_args()
    rows = list(load_split(asked.dataset, ALL, "test"))
    print(heading(f"History methods on {len(rows):,} test rows of {asked.dataset}", "sentence-transformers", "torch"))
    lengths = [len(row["history"]) for row in rows]
    bare = tokens_of({**row, "history": []} for row in rows)[ALL]
    print(f"Past calls a row: {np.mean(lengths):.1f}; tokens of a prompt without them: {bare:,.0f}.\n")

    selector = Selector.load(asked.selector) if asked.selector else None
    lines, full = [], 0.0
    for method in SHOWING:
        view = HistoryView(parse_history_method(method))
        view.prepare(rows)
        shown = [one.row for one in view.of(rows)]
        tokens = tokens_of(shown)
        full = full or tokens[ALL]
        accuracies = [tool_acc(rows, predict(rule, shown, list, seed=0)) for rule in RULES]
        accuracies += [tool_acc(rows, selector_replies(selector, shown))] if selector else []
        whole = by_setting(tokens, lambda number: f"{number:,.0f}")
        past = (tokens[ALL] - bare) / (full - bare)
        lines.append([method, whole, percent(tokens[ALL] / full), percent(past), *map(by_setting, accuracies)])
    head = ["history", "tokens of a prompt", "% of full", "% of full's past calls", *RULES]
    print(markdown_table(head + (["selector"] if selector else []), lines), "\n")

    with tempfile.TemporaryDirectory() as folder:
        some = of_blocks(rows, asked.blocks)
        scored = ask_scripted_model(some, [*SHOWING, "profile", "notes"], Path(folder))
        lines = []
        for method, scores in scored.items():
            memory = scores.usage.memory
            pairs = scores.pairs.get(ALL)
            lines.append(
                [
                    method,
                    by_setting({name: scores.score(name, "tool_acc").value or 0 for name in scores.rows}),
                    with_interval(pairs.score) if pairs else "",
                    f"{(scores.usage.prompt_tokens or 0) / scores.answered:,.0f}",
                    f"{scores.tokens_a_request or 0:,.0f}",
                    f"{memory.calls:,}" if memory else "0",
                    f"{memory.seconds:,.1f}" if memory else "0",
                ]
            )
        print(f"The scripted model on {len(some):,} rows; tokens as the server counts them:\n")
        head = ["history", "Tool Acc", "pairs", "tokens of a prompt", "of a request, all told", "calls before"]
        print(markdown_table([*head, "seconds before"], lines))
        if asked.report:
            write_report([Path(folder)], asked.report)


if __name__ == "__main__":
    main()
