"""A row beside its other forms: counterfactuals, and its block's rows of other kinds, with each model's call."""

from dataclasses import dataclass

from petoolbench import KINDS, SETTINGS, ToolName, setting_of
from petoolkit.evaluator.counterfactuals.counterfactual import ChangedRow, Counterfactual, changed_id
from petoolkit.evaluator.counterfactuals.counterfactual_table import COUNTERFACTUALS
from petoolkit.explorer.content import Content
from petoolkit.explorer.judged_evaluations import JudgedEvaluation, asked_id, was_asked
from petoolkit.explorer.view import View
from petoolkit.replies import parse_reply
from petoolkit.text import in_percent

OWN, OTHER, ELSE, NONE = "own", "other", "else", "none"
# What a call in another form of a row is, by the words of a legend.
CALL_KINDS = {
    OWN: "the gold tool of that form",
    OTHER: "the other tool that the form is about",
    ELSE: "another tool",
    NONE: "no call",
}


@dataclass(frozen=True)
class FormCall:
    """What a model called in a form; `kind` is one of `CALL_KINDS`."""

    model: str
    kind: str
    tool: ToolName | None


@dataclass(frozen=True)
class Form:
    """One form of a row.

    Args:
        name: `as it is`, the name of a counterfactual, or the user of a row of another kind.
        changes: what is changed, in words.
        expected: of a sound model, in words; empty for the row as it is.
        query: of a link to it; empty for the form that is open.
        calls: in the order of the models; `None` where the model was not asked.
    """

    name: str
    changes: str
    expected: str
    query: str
    calls: list[FormCall | None]


def changed_row(content: Content, number: int, row: dict, name: str) -> ChangedRow | None:
    """A row as a counterfactual changes it; `None` where that cannot be done, or leaves it as it is."""
    one = COUNTERFACTUALS[name]
    if row["kind"] != one.kind or one.kind != KINDS[0] or one.expected(SETTINGS[setting_of(row)]) is None:
        return None
    made = one.make(row, content.neighbours(number))
    return made and made._replace(row={**made.row, "id": changed_id(row["id"], name)})


def forms(content: Content, view: View, number: int, row: dict) -> list[Form]:
    """The forms of a row that models were asked about; none if there is only the row itself.

    Args:
        content: that holds the row.
        view: names the open row and its form.
        number: of the row in the index.
        row: as the dataset has it.
    """
    models = list(content.evaluations.by_name.values())
    found = []
    for name, one in COUNTERFACTUALS.items():
        row_id = changed_id(row["id"], name)
        if any(was_asked(model, row_id) for model in models) and (made := changed_row(content, number, row, name)):
            query = "" if view.change == name else view.but(page=view.page, change=name, beside="").query
            calls = [_call(model, row_id, made.row, made.other_tool) for model in models]
            found.append(Form(name, one.changes, expectation(one, row), query, calls))
    found += _of_other_kinds(content, view, row, models)
    if not found:
        return []
    query = view.but(page=view.page, change="", beside="").query if view.change else ""
    calls = [_call(model, asked_id(row), row, None) for model in models]
    return [Form("as it is", "", "", query, calls), *found]


def _of_other_kinds(content: Content, view: View, row: dict, models: list[JudgedEvaluation]) -> list[Form]:
    """The rows of the same block and setting, of another kind than the row."""
    index, found = content.index, []
    for number in index.block_numbers(row["block_id"], setting_of(row)):
        if index.kind[number] == row["kind"]:
            continue
        other = index.row(number)
        kind = next((one for one in COUNTERFACTUALS.values() if one.kind == other["kind"]), None)
        if other["kind"] == KINDS[0]:
            changes, expected, other_tool = "a user's preference decides", "the preferred tool", None
        elif kind:
            made = kind.make(other, content.neighbours(number))
            changes, expected = kind.changes, expectation(kind, other)
            other_tool = made.other_tool if made and kind.other else None
        else:
            continue
        query = view.opened(index.ids[number], view.page, beside=row["id"]).query
        calls = [_call(model, asked_id(other), other, other_tool) for model in models]
        found.append(Form(other["user_id"], changes, expected, query, calls))
    return found


def _call(model: JudgedEvaluation, row_id: str, row: dict, other_tool: str | None) -> FormCall | None:
    line = model.replies.get((row_id, 0))
    if line is None:
        return None
    call = parse_reply(line["reply"], tools={tool["tool_name"] for tool in row["candidate_tools"]})
    if call is None:
        return FormCall(model.name, NONE, None)
    is_right = call.tool_name == row["tool_call"]["tool_name"] or call.tool_name in row["acceptable_tools"]
    kind = OWN if is_right else OTHER if call.tool_name == other_tool else ELSE
    return FormCall(model.name, kind, ToolName.parse(call.tool_name))


def expectation(one: Counterfactual, row: dict) -> str:
    """What a sound model calls, in words."""
    expected = one.expected(SETTINGS[setting_of(row)])
    if expected == "ceiling":
        return f"any of the {len(row['same_function_tools'])} that do the job"
    if expected == 1:
        return "any tool that does the job" if one.kind == KINDS[2] else "the gold tool"
    if expected == 0:
        return one.other or "a rival of the gold tool"
    return in_percent(expected)
