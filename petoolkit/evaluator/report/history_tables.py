"""A report on what models were shown of histories: accuracy beside tokens, calls, seconds and cost, by method."""

from petoolkit.evaluator.history_methods.method_table import FULL, parse_history_method
from petoolkit.evaluator.report.run_groups import Run, RunGroup, pair_key
from petoolkit.evaluator.report.table_parts import Cell, Column, Row, Table, count_cell, kind_of_run, score_cell
from petoolkit.replies import READERS
from petoolkit.scoring import METRICS
from petoolkit.text import ALL, UNKNOWN, in_percent

_TOOL_ACC = METRICS["tool_acc"].label


def asked_by_method(group: RunGroup) -> list[list[Run]]:
    """Runs that differ in the history method alone, by model; only where there are several methods."""
    found: list[tuple[tuple, list[Run]]] = []
    for run in group.runs:
        key = pair_key(run.result)
        same = next((runs for other, runs in found if other == key), None)
        if same is None:
            found.append((key, [run]))
        else:
            same.append(run)
    return [runs for _, runs in found if len({run.result.options.history for run in runs}) > 1]


def with_known_tokens(group: RunGroup) -> list[list[Run]]:
    """The same, of which the tokens of a request are known."""
    known = ([run for run in runs if run.result.tokens_a_request is not None] for runs in asked_by_method(group))
    return [runs for runs in known if len(runs) > 1]


def history_methods(group: RunGroup) -> list[Table]:
    """Accuracy and what it took, by history method; no table where no model was asked with several."""
    rows = [Row(run.label, kind_of_run(run), _cells(run)) for runs in asked_by_method(group) for run in runs]
    columns = [
        Column("history", is_text=True),
        Column(_TOOL_ACC, "right, %"),
        Column("pairs", "right, %"),
        Column("a request", "tokens"),
        Column("calls", "before the requests"),
        Column("tokens", "before the requests"),
        Column("seconds", "before the requests"),
        Column("median seconds", "a reply"),
        Column("cost, $"),
    ]
    notes = [
        f"Scores have 95 % intervals; replies were read by the {READERS[0]} reader. Tokens of a request are those of "
        "its prompt and its reply, and its share of what was spent on histories before. Cost is of all of it.",
        "Every method works on the history that a row has; of a counterfactual's row, on the changed one.",
    ]
    title = "What models were shown of histories, and what it took"
    return [Table("history-methods", title, columns, rows, notes)] if rows else []


def _cells(run: Run) -> list[Cell]:
    result, usage, memory = run.result, run.result.usage, run.result.usage.memory
    pairs = result.pairs.get(ALL)
    request = result.tokens_a_request
    spent = _sum(memory.prompt_tokens, memory.completion_tokens) if memory else 0
    seconds = (memory.seconds if memory else 0, usage.median_seconds)
    cost = usage.cost_usd if memory is None or usage.cost_usd is None else usage.cost_usd + (memory.cost_usd or 0)
    return [
        Cell(result.options.history),
        score_cell(result.score(ALL, "tool_acc")),
        score_cell(pairs.score) if pairs else Cell(UNKNOWN),
        Cell(UNKNOWN if request is None else f"{request:,.0f}", value=request),
        count_cell(memory.calls if memory else 0),
        count_cell(spent),
        *(Cell(UNKNOWN if one is None else f"{one:,.2f}", value=one) for one in seconds),
        Cell(UNKNOWN if cost is None else f"${cost:,.2f}", value=cost),
    ]


def _sum(*tokens: int | None) -> int | None:
    known = [number for number in tokens if number is not None]
    return sum(known) if known else None


def accuracy_and_tokens(group: RunGroup) -> str:
    """The most accurate method of each model, and the one with the fewest tokens."""
    sentences = []
    for runs in with_known_tokens(group):
        best = max(runs, key=lambda run: run.result.score(ALL, "tool_acc").value or 0)
        fewest = min(runs, key=lambda run: run.result.tokens_a_request or 0)
        named = [f"{_named(best)} has the highest {_TOOL_ACC}, {_facts(best)}"]
        if fewest is not best:
            named.append(f"{_named(fewest)} takes the fewest tokens, {_facts(fewest)}")
        sentences.append(f"{runs[0].result.model}: {'; '.join(named)}.")
    return " ".join([*sentences, "petoolbench compare tests the difference of two."])


def by_number_of_calls(by_model: list[list[Run]]) -> list[list[Run]]:
    """Runs of a model whose methods differ in the number of past calls alone, in its order: `last:1`, `last:5` ...

    Other methods have no order.
    """
    found: dict[tuple[int, str], list[tuple[int, Run]]] = {}
    for number, runs in enumerate(by_model):
        for run in runs:
            method = parse_history_method(run.result.options.history)
            if method.number:
                found.setdefault((number, method.name), []).append((method.number, run))
    in_order = (sorted(runs, key=lambda one: one[0]) for runs in found.values())
    return [[run for _, run in runs] for runs in in_order if len(runs) > 1]


def named(run: Run, by_model: list[list[Run]]) -> str:
    """The name of a run in a picture: its method, and its model where there are several."""
    history = run.result.options.history
    if len(by_model) == 1:
        return str(history)
    return f"{run.label}, history {history}" if history == FULL else run.label


def _named(run: Run) -> str:
    return f"history {run.result.options.history}"


def _facts(run: Run) -> str:
    score = run.result.score(ALL, "tool_acc").value
    return f"{in_percent(score)} with {run.result.tokens_a_request:,.0f} tokens a request"
