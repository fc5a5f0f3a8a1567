"""Blocks of the controlled design on a catalogue that one can check by eye, and the rules that they keep."""

import json
from collections import Counter
from types import SimpleNamespace

import pytest
from block_rows import EUROPEAN, FREE, block, no_preference, override
from fakes import parameter, tool, tool_set
from petoolkit.builder.recipe import BlockSettings, Recipe
from petoolkit.builder.stage_notes import Notes
from petoolkit.builder.stages.blocks import blocks
from pydantic import ValidationError

from petoolbench import SETTINGS, InputError, ToolName
from petoolkit.block_rules import broken_rules

# --- the rules, each broken on purpose ------------------------------------------------------------------------------


def edited(rows, change):
    """A copy of rows after `change(rows)`."""
    copied = json.loads(json.dumps(rows))
    change(copied)
    return copied


def set_taste(rows, **values):
    for row in rows:
        row["taste"] = json.dumps({**json.loads(row["taste"]), **values})


def of_setting(rows, dislikes):
    return [row for row in rows if SETTINGS[row["id"].rpartition("/")[2]].dislikes == dislikes]


def swap_golds(rows):
    """Both users call the other's tool."""
    one, other = rows[0]["tool_call"], rows[-1]["tool_call"]
    for row in rows:
        gold = other if row["tool_call"] == one else one
        row.update(tool_call=gold, acceptable_tools=[gold["tool_name"]])


def rival_shows_it_too(rows):
    for row in rows:
        taste = json.loads(row["taste"])
        for name in row["same_function_tools"]:
            taste["tool_traits"][name] = [FREE, EUROPEAN]
        row["taste"] = json.dumps(taste)


def call_shows_both(rows):
    for row in rows:
        taste = json.loads(row["taste"])
        taste["call_traits"][0] = [FREE, EUROPEAN]
        row["taste"] = json.dumps(taste)


def other_text_for_one_user(rows):
    of_setting(rows, "mixed")[0]["history"][0]["instruction"] = "Something else."


def other_order_for_one_user(rows):
    of_setting(rows, "mixed")[0]["history"].reverse()


def one_setting_has_other_calls(rows):
    for row in of_setting(rows, "first"):
        row["history"][0]["instruction"] = row["history"][1]["instruction"] = "Something else."


def optional_parameter_of_one_tool(rows):
    for row in rows:
        row["candidate_tools"][0]["optional_parameters"] = [
            {**row["candidate_tools"][0]["required_parameters"][0], "name": "units"}
        ]
        row["tool_call"]["parameters"] = json.dumps({"city": "Oslo", "units": "C"})


def required_parameter_is_missing(rows):
    for row in rows:
        row["tool_call"]["parameters"] = "{}"


def parameters_of_their_own(rows, name="town"):
    """The second user's tool takes the city under another name."""
    second = rows[-1]["tool_call"]["tool_name"]
    for row in rows:
        (tool,) = [tool for tool in row["candidate_tools"] if tool["tool_name"] == second]
        tool["required_parameters"] = [{**parameter, "name": name} for parameter in tool["required_parameters"]]
        if row["tool_call"]["tool_name"] == second:
            row["tool_call"]["parameters"] = json.dumps({name: "Oslo"})


def other_values_of_the_same_parameters(rows):
    for row in rows:
        row["tool_call"]["parameters"] = json.dumps({"city": row["user_id"]})


def own_parameters_for_the_other_tool(rows):
    parameters_of_their_own(rows)
    for row in rows:
        row["tool_call"]["parameters"] = '{"town": "Oslo"}'


def candidates_in_another_order(rows):
    rows[0]["candidate_tools"].reverse()


def provider_was_called(rows):
    for row in rows:
        name = row["candidate_tools"][2]["tool_name"]
        row["history"][0]["tool_name"] = f"{name.rpartition('.')[0]}.<find>"


def category_was_called(rows):
    for row in rows:
        row["history"][0]["tool_name"] = "<Weather>.<Gillamar>.<find>"


def candidate_is_quoted(rows):
    for row in rows:
        text = "All of the servers are hosted in Europe."
        row["candidate_tools"][0]["provider_description"] = row["history"][0]["provider_description"] = text


BROKEN = {
    "1: a rival shows the trait": (rival_shows_it_too, "a gold tool has no trait of its own"),
    "1: the tool lacks its trait": (
        lambda rows: set_taste(rows, trait="citable"),
        "a gold tool has no trait of its own",
    ),
    "2: one user is left out": (lambda rows: rows.__delitem__(slice(0, 3)), "a tool is not gold just once"),
    "3: a candidate's provider": (
        provider_was_called,
        "a candidate's provider, or its group's category, stands in a history",
    ),
    "3: the category": (category_was_called, "a candidate's provider, or its group's category, stands in a history"),
    "4: another text": (other_text_for_one_user, "histories differ in more than ratings or order"),
    "4: another order": (other_order_for_one_user, "histories differ in more than ratings or order"),
    "4: another setting": (one_setting_has_other_calls, "the mixed settings do not hold the same calls"),
    "5: a call shows two tastes": (call_shows_both, "a past call shows traits of two tools"),
    "5: counting finds the other": (swap_golds, "counting traits does not find the gold tool"),
    "6: a candidate's sentence": (candidate_is_quoted, "a history uses words of its candidates"),
    "7: candidates": (candidates_in_another_order, "instruction or candidates differ"),
    "8: a parameter of one tool": (
        optional_parameter_of_one_tool,
        "the gold calls' parameters differ, or do not fit a tool",
    ),
    "8: other values": (
        other_values_of_the_same_parameters,
        "the gold calls' parameters differ, or do not fit a tool",
    ),
    "8: those of another tool": (
        own_parameters_for_the_other_tool,
        "the gold calls' parameters differ, or do not fit a tool",
    ),
    "8: a required one": (required_parameter_is_missing, "the gold calls' parameters differ, or do not fit a tool"),
}


def test_tools_that_are_alike_in_function_alone_have_parameters_of_their_own():
    rows = block()
    parameters_of_their_own(rows)
    assert len({row["tool_call"]["parameters"] for row in rows}) == 2
    assert broken_rules(rows, is_crossed=True) == []


@pytest.mark.parametrize(("change", "rule"), BROKEN.values(), ids=BROKEN)
def test_a_rule_of_the_design_that_is_broken_is_named(change, rule):
    whole = [*block(), *(override(setting=setting) for setting in SETTINGS), no_preference()]
    assert broken_rules(whole, is_crossed=True) == []
    assert rule in broken_rules(edited(block(), change), is_crossed=True)


# --- blocks that are drawn ------------------------------------------------------------------------------------------

CITY = parameter("city", default='"Rome"')


def catalogue(traits=("free", "eu_hosted", "real_time"), filler="citable", past=16, quotes=None):
    """Three tools of three providers that do one job, in two categories, and `past` providers of other jobs each.

    These show one of the traits, or another one (`filler`).
    """
    of_past = [*traits, *([filler] if filler else [])]
    tools = []
    for category in ("Weather", "Music"):
        for provider, trait in zip(("Alder", "Birch", "Cedar"), traits, strict=True):
            tools.append(
                described(category, f"{provider}{category}", f"get the {category.lower()} now", trait, quotes)
            )
        for number in range(past):
            job = f"do {category.lower()} job{number} with word{number}"
            tools.append(described(category, f"Past{number}{category}", job, of_past[number % len(of_past)], quotes))
    return tools


def described(category, provider, functionality, trait, quotes=None):
    """A tool whose provider's words for its trait are those of `quotes`, or its own."""
    quote = (quotes or {}).get(trait) or f"{provider} it is"
    text = f"{quote} said {provider} itself of things there"
    made = tool(f"{category}.{provider}.now", functionality, text, required=[CITY])
    return {**made, "category": category, "provider": provider, "traits": {trait: quote} if trait else {}}


def groups_of(tools):
    same = {
        category: [t["tool_name"] for t in tools if t["functionality"] == f"get the {category.lower()} now"]
        for category in ("Weather", "Music")
    }
    return [
        {
            "group_id": f"g{number}",
            "category": category,
            "tools": names,
            "functionality": f"get the {category.lower()} now",
        }
        for number, (category, names) in enumerate(same.items())
    ]


def drawn(tools, users=6, number=6, split="function", notes=None, spare=0, **settings):
    """The accepted blocks."""
    made = tool_set(*tools)
    rows = blocks(
        made,
        groups_of(tools),
        made.encoder,
        BlockSettings(**{"calls_per_trait": 1, **settings}),
        SimpleNamespace(number=number, same_function=None, retrieved=2),
        SimpleNamespace(split=split, test_share=0.5),
        users,
        seed=0,
        notes=Notes() if notes is None else notes,
        spare=spare,
    )
    return [row for row in rows if not row["rejected"]]


def test_spare_users_are_drawn_behind_the_others_as_far_as_there_are_blocks():
    rows = drawn(catalogue(), blocks_per_group=2)
    assert len(rows) == 2
    assert drawn(catalogue(), spare=3, blocks_per_group=2)[:2] == rows
    assert [len(drawn(catalogue(), spare=spare, blocks_per_group=2)) for spare in (3, 6, 100)] == [3, 4, 4]


@pytest.mark.parametrize("attributes", ["catalogue", "assigned"])
@pytest.mark.parametrize("wording", ["as_is", "crossed"])
def test_a_block_keeps_what_the_design_says(attributes, wording):
    rows = drawn(catalogue(), attributes=attributes, wording=wording, calls_per_trait=[1, 2], no_preference_share=1)
    assert {row["split"] for row in rows} == {"train", "test"}
    for row in rows:
        own = row["traits"]
        assert len(row["tools"]) == 3 and row["tools"] == list(own)
        assert len(set(own.values())) == 3
        assert len(row["candidate_tools"]) == 6 and set(row["tools"]) < set(row["candidate_tools"])
        calls = Counter(call["tool"] for call in row["calls"])
        m = calls.pop(None)
        assert m in (1, 2) and calls == dict.fromkeys(row["tools"], m)
        for call in row["calls"]:
            assert set(call["traits"]) & set(own.values()) == ({own[call["tool"]]} if call["tool"] else set())
        candidates = {ToolName.parse(name)[:2] for name in row["candidate_tools"]}
        past = [ToolName.parse(call["tool_name"]) for call in [*row["calls"], *row["neutral_calls"]]]
        assert candidates.isdisjoint(name[:2] for name in past)
        assert len({name[:2] for name in past}) == len(past)
        assert row["category"] not in {name.category for name in past}
        assert all(not set(call["traits"]) & set(own.values()) for call in row["neutral_calls"])


def test_the_order_of_past_calls_does_not_tell_those_that_all_users_like():
    later = []
    for row in drawn(catalogue(past=30), users=60, calls_per_trait=3, no_preference_share=0):
        is_filler = [call["tool"] is None for call in row["calls"]]
        fillers = [position for position, filler in enumerate(is_filler) if filler]
        others = [position for position, filler in enumerate(is_filler) if not filler]
        later.append(sum(f > o for f in fillers for o in others) / (len(fillers) * len(others)))
    assert len(later) >= 10
    assert max(abs(share - 0.5) for share in later) < 0.25
    assert len(set(later)) > 1, "the order is still random"


def test_every_provider_of_a_block_shows_an_assigned_trait():
    """Having a trait must not tell that a tool does the job, or that a call counts."""
    for row in drawn(catalogue(), attributes="assigned"):
        assert all(len(row["shown_traits"][name]) == 1 for name in row["candidate_tools"])
        assert all(len(call["traits"]) == 1 for call in row["calls"])


@pytest.mark.parametrize(
    ("tools", "settings", "message"),
    [
        (
            catalogue((None, None, None), None, 12),
            {},
            r"^0 of the 30 understood tools show a trait of builder/traits.yaml, and a preference needs two; take "
            r"blocks.attributes: assigned, have a language model read the documents \(author.understand: openai\)",
        ),
        (
            catalogue(("free", "free", None), None, 12),
            {},
            r"^20 of the 30 .*, and all of them the same one \(free\), and",
        ),
        (
            catalogue(past=1),
            {"number": 9},
            r"blocks for 0 of the 6 users asked for could be drawn, of 2 groups of 8 providers \(refused: too few "
            r"tools can stand beside the gold ones: \d+ times\); lower candidates.number, lower users, or add ",
        ),
        (
            catalogue(),
            {"calls_per_trait": 9},
            r"\(refused: too few other providers show a tool's trait and none of its rivals': \d+ times\); lower "
            r"blocks.calls_per_trait or take blocks.attributes: assigned, lower users",
        ),
        (
            catalogue(quotes={"free": "Gratis", "eu_hosted": "European", "real_time": "Instant"}),
            {"wording": "crossed"},
            r"show a tool's trait .* in other words than its candidates: \d+ times\); lower blocks.calls_per_trait or "
            r"take blocks.wording: as_is",
        ),
        (catalogue(), {"attributes": "assigned", "calls_per_trait": 5}, "lower blocks.calls_per_trait or "),
        (
            catalogue(),
            {"users": 60, "blocks_per_group": 2},
            r"blocks for 12 of the 60 users asked for .* of 38 providers with blocks.blocks_per_group 2; raise "
            "blocks.blocks_per_group, lower users",
        ),
        (catalogue(), {"split": "provider", "number": 25}, "lower candidates.number"),
    ],
    ids=[
        "no traits",
        "one trait",
        "few tools",
        "few providers",
        "crossed",
        "assigned",
        "blocks_per_group",
        "provider",
    ],
)
def test_a_catalogue_that_gives_no_blocks_is_refused_with_the_counts_and_the_key(tools, settings, message):
    with pytest.raises(InputError, match=message):
        drawn(tools, **settings)


def test_a_block_that_can_have_no_row_without_a_preference_is_counted():
    notes = Notes()
    rows = drawn(catalogue(past=8), notes=notes, no_preference_share=1)
    assert not any(row["neutral_calls"] for row in rows)
    (reason,) = notes.counts
    assert reason.startswith("blocks without a row without a preference: too few")
    assert notes.counts[reason] == len(rows)


def test_a_tool_without_a_trait_of_its_own_is_out():
    """Alder is free as Cedar is, and Cedar is up to date beside."""
    tools = catalogue()
    for one in tools:
        if one["provider"].startswith("Cedar"):
            one["traits"]["free"] = "Gratis"
    for row in drawn(tools, users=4, no_preference_share=0):
        providers = {ToolName.parse(name).provider.removesuffix(row["category"]) for name in row["tools"]}
        assert providers == {"Birch", "Cedar"}


# --- keys of the recipe ---------------------------------------------------------------------------------------------


def test_the_controlled_design_splits_by_provider_and_the_paper_by_user_unless_told():
    def split(**keys):
        return Recipe.model_validate({"users": 5, "group": {"eps": 0.3}, **keys}).export.split

    assert (split(), split(design="paper"), split(export={"split": "tool"})) == ("provider", "user", "tool")


def test_calls_per_trait_is_a_number_or_a_range():
    assert BlockSettings(calls_per_trait=2).calls_per_trait == (2, 2)
    assert BlockSettings(calls_per_trait=[1, 3]).calls_per_trait == (1, 3)
    for wrong in ([3, 1], 0, [1, 2, 3]):
        with pytest.raises(ValidationError):
            BlockSettings(calls_per_trait=wrong)


@pytest.mark.parametrize(
    ("design", "section"), [("paper", "blocks"), ("controlled", "prefer"), ("controlled", "history")]
)
def test_a_section_of_the_other_design_is_refused(design, section):
    with pytest.raises(ValidationError, match=f"`{section}` is of the .* design, and this recipe's is {design}"):
        Recipe.model_validate({"design": design, "users": 5, "group": {"eps": 0.3}, section: {}})
