"""What a language model writes for blocks of the controlled design: traits, descriptions, needs."""

import itertools
import json
import random
import re
from pathlib import Path

import pytest
import yaml
from fake_model import good_answer
from fakes import full, parameter, tool
from petoolkit.builder.authors.author import DescribeJob, OverrideJob, ServeJob, UnderstandJob
from petoolkit.builder.authors.author_replies import AttributesReply, InvalidReply, check_attributes
from petoolkit.builder.authors.block_replies import (
    DescriptionsReply,
    RequestReply,
    check_descriptions,
    check_need,
    described_items,
)
from petoolkit.builder.authors.openai import OpenAIAuthor
from petoolkit.builder.authors.served_replies import ServedReply, check_served
from petoolkit.builder.catalogue.catalogue_files import catalogue_files, read_catalogue
from petoolkit.builder.pipeline import build
from petoolkit.builder.preview import preview
from petoolkit.builder.recipe import Recipe, load_recipe
from petoolkit.builder.stage_notes import Notes
from petoolkit.builder.stages.understand import understand
from petoolkit.builder.traits import TRAITS
from petoolkit.builder.understood_tools import understood_tools
from rich.console import Console
from scripted_server import ScriptedServer

from petoolbench import PARAMETER_KINDS, InputError
from petoolkit.endpoint.ask import Endpoint
from petoolkit.endpoint.llm_settings import LlmSettings
from petoolkit.endpoint.usage import Usage

USERS = 12


@pytest.fixture(autouse=True)
def _key(monkeypatch, own_cache):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")


def recipe_for(folder: Path, server: ScriptedServer) -> Recipe:
    """Of a controlled build of four categories without their traits, written by the server's model."""
    files = catalogue_files([f"embedded/{name}" for name in ("Weather", "Music", "Books", "Energy")])
    rows = [
        document.model_dump(exclude={"background"}) | {"traits": {}, "requests": []}
        for file in files
        for document in read_catalogue(file)
    ]
    (folder / "tools.json").write_text(json.dumps(rows))
    recipe = {
        "catalogue": [str(folder / "tools.json")],
        "author": {"history": "openai", "instruct": "openai"},
        "users": USERS,
        "group": {"eps": 0.3},
        "blocks": {"attributes": "assigned", "wording": "crossed", "calls_per_trait": 1, "override_share": 1},
        "candidates": {"same_function": 3},
        "llm": {"base_url": server.url, "concurrency": 8},
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return load_recipe(folder / "recipe.yaml")


def run(folder: Path, server: ScriptedServer):
    return build(recipe_for(folder, server), folder / "run", folder / "petoolbench", Console(quiet=True))


def test_a_model_writes_blocks_of_assigned_traits_and_requests_with_a_need(tmp_path):
    with ScriptedServer(good_answer) as server:
        done = run(tmp_path, server)
        systems = {body["messages"][0]["content"] for body in server.requests}
    rows = list(done.rows("export"))
    assert {row["kind"] for row in rows} >= {"preference", "override"}
    for row in rows:
        shown = [tool["provider_description"] for tool in row["candidate_tools"]]
        assert all(text.startswith("Subject c") for text in shown), "a distractor has its own description"
        assert all(call["provider_description"].startswith("Subject p") for call in row["history"])
        assert row["instruction"].startswith("Today: ")
        taste = json.loads(row["taste"])
        if row["kind"] == "override":
            needed = taste["tool_traits"][row["tool_call"]["tool_name"]][0]
            assert row["instruction"].endswith(TRAITS[needed].needs[0]) and needed != taste["trait"]
    assert len(systems) == 4, "histories, descriptions, instructions, needs: each is asked in one setting only"
    assert not any("dislikes:" in text or "likes today" in text for text in systems)


def test_a_block_whose_needs_are_not_all_written_has_no_override_rows(tmp_path):
    def stubborn(body):
        data = [json.loads(line) for line in re.findall(r"<data>\n(.*)\n</data>", body["messages"][1]["content"])]
        is_need = "Write the request once more." in body["messages"][1]["content"]
        return "I would rather not." if is_need and len(data[0]) % 2 else good_answer(body)

    with ScriptedServer(stubborn) as server:
        done = run(tmp_path, server)
    accepted = [row for row in done.rows("instruct") if not row["rejected"]]
    assert all(len(row["overrides"]) in (0, row["users"]) for row in accepted)
    assert {bool(row["overrides"]) for row in accepted} == {True, False}
    without = sum(not row["overrides"] for row in accepted)
    assert done.manifest("instruct")["counts"]["blocks without override rows: a need was not written"] == without


def test_the_estimate_of_a_preview_counts_blocks_by_their_users(tmp_path):
    with ScriptedServer(good_answer) as server:
        seen = preview(recipe_for(tmp_path, server), 3, Console(quiet=True))
        done = run(tmp_path, server)
    assert [line["stage"] for line in seen.estimate] == ["history", "instruct"]
    for line in seen.estimate:
        usage = done.manifest(line["stage"])["extra"]["asked"]
        assert line["calls"] == pytest.approx(usage["replies"], rel=0.3)


def test_a_preview_assigns_the_traits_that_a_model_would_have_to_read_all_tools_for(tmp_path):
    said = Console(record=True, width=300, file=(tmp_path / "out").open("w"))
    with ScriptedServer(good_answer) as server:
        recipe = recipe_for(tmp_path, server)
        recipe.author.understand = "openai"
        recipe.blocks.attributes = "catalogue"
        seen = preview(recipe, 2, said)
    assert seen.problem is None and seen.rows
    assert "Traits are assigned for the preview" in said.export_text()
    assert {line["stage"] for line in seen.estimate} == {"history", "instruct", "understand"}


# --- tools that are alike in function alone -------------------------------------------------------------------------


def run_by_function(folder: Path, server: ScriptedServer):
    """A build of tools that take the same under other names."""
    recipe = recipe_for(folder, server)
    rows = json.loads((folder / "tools.json").read_text())
    for number, row in enumerate(rows):
        for kind in PARAMETER_KINDS:
            row[kind] = [{**parameter, "name": f"{parameter['name']}_{number}"} for parameter in row[kind]]
    (folder / "tools.json").write_text(json.dumps(rows))
    recipe.group.uniform = "function"
    return build(recipe, folder / "run", folder / "petoolbench", Console(quiet=True))


def test_tools_that_are_alike_in_function_alone_are_called_with_parameters_of_their_own(tmp_path):
    with ScriptedServer(good_answer) as server:
        done = run_by_function(tmp_path, server)
    rows = list(done.rows("export"))
    assert any(json.loads(row["tool_call"]["parameters"]) for row in rows)
    for row in rows:
        (gold,) = [tool for tool in row["candidate_tools"] if tool["tool_name"] == row["tool_call"]["tool_name"]]
        required = {parameter["name"] for parameter in gold["required_parameters"]}
        assert set(json.loads(row["tool_call"]["parameters"])) == required


def test_a_block_is_left_out_if_one_of_its_tools_cannot_fulfil_the_instruction(tmp_path):
    asked = itertools.count()

    def strict(body):
        answer = good_answer(body)
        prompt = body["messages"][1]["content"]
        if "Say of each tool whether it can." in prompt and next(asked) % 4 == 0:
            entries = json.loads(answer)["tools"]
            entries[-1]["can"] = False
            return json.dumps({"tools": entries})
        return answer

    with ScriptedServer(strict) as server:
        done = run_by_function(tmp_path, server)
    written = {row["block_id"]: row for row in done.rows("instruct")}
    reasons = {row["rejected"] for row in written.values()}
    assert reasons == {None, "a tool of the block cannot fulfil the instruction"}
    assert all(row["raw_reply"] for row in written.values() if row["rejected"]), "the tools that cannot are named"


SERVED = {"t1": '{"song": "a"}', "t2": "{}"}


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ({"t1": SERVED["t1"]}, "exactly one entry for each key: t1, t2"),
        ({**SERVED, "t3": "{}"}, "exactly one entry for each key"),
        ({**SERVED, "t1": "{}"}, "required parameters of <A>.<B>.<c> are missing: song"),
        ({**SERVED, "t2": '{"song": 1}'}, "has no parameter song"),
        ({**SERVED, "t2": "no"}, "not a string that holds a JSON object"),
    ],
)
def test_an_answer_that_does_not_fit_the_tools_goes_back(entries, problem):
    asked = ServeJob("Play a", "{}", [tool("A.B.c", required=[parameter("song")]), tool("A.D.e")], random.Random(0))

    def checked(given):
        tools = [{"key": key, "can": True, "parameters": parameters} for key, parameters in given.items()]
        return check_served(ServedReply.model_validate({"tools": tools}), asked)

    assert checked(SERVED) == {full("A.B.c"): {"song": "a"}, full("A.D.e"): {}}
    with pytest.raises(InvalidReply, match=problem):
        checked(entries)


def test_rules_cannot_judge_functions(tmp_path):
    with ScriptedServer(good_answer) as server:
        recipe_for(tmp_path, server)
    content = yaml.safe_load((tmp_path / "recipe.yaml").read_text())
    content["group"]["uniform"] = "function"
    for changed, problem in (
        ({"author": "offline"}, "set author.instruct: openai, or take required or parameters"),
        ({"design": "paper", "blocks": None}, "function is of the controlled design"),
    ):
        made = {name: value for name, value in {**content, **changed}.items() if value is not None}
        (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(made))
        with pytest.raises(InputError, match=problem):
            load_recipe(tmp_path / "recipe.yaml")


# --- descriptions ---------------------------------------------------------------------------------------------------

NAMES = {"gold": "<Data>.<Sunny Sky>.<now>", "rival": "<Data>.<Birch>.<now>", "past": "<Food>.<Plumbowl>.<dishes_v2>"}
GOOD = {
    "c1": "Figures on anything. The price is zero, today and for good.",
    "c2": "Numbers of all kinds. Works without registration of any kind.",
    "p3": "Dishes and drinks, given away as a gift.",
}


def job(is_crossed=True) -> DescribeJob:
    return DescribeJob(
        categories={NAMES["gold"]: "Data", NAMES["rival"]: "Data", NAMES["past"]: "Food"},
        candidates={NAMES["gold"]: ["free"], NAMES["rival"]: ["no_account"]},
        called={NAMES["past"]: ["free"]},
        is_crossed=is_crossed,
        rng=random.Random(0),
    )


def described(texts: dict, is_crossed=True) -> dict:
    items = [{"key": key, "description": text} for key, text in texts.items()]
    return check_descriptions(DescriptionsReply.model_validate({"descriptions": items}), job(is_crossed))


def test_the_prompt_shows_traits_in_words_and_no_name():
    candidates, called = described_items(job())
    assert candidates == [
        {"key": "c1", "category": "Data", "traits": ["costs nothing"]},
        {"key": "c2", "category": "Data", "traits": ["needs no account"]},
    ]
    assert called == [{"key": "p3", "category": "Food", "traits": ["costs nothing"]}]


def test_good_descriptions_are_given_by_the_tools_names():
    assert described(GOOD) == dict(zip(NAMES.values(), GOOD.values(), strict=True))


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"c1": "Figures on anything."}, "c1 does not say that the provider costs nothing"),
        ({"c2": GOOD["c1"]}, "c2 does not say that the provider needs no account"),
        (
            {"c2": f"{GOOD['c2']} A foundation covers all expenses."},
            "that the provider costs nothing, which it must not",
        ),
        ({"c1": f"Sunny-sky figures. {GOOD['c1']}"}, 'c1 has the name of a provider, "Sunny Sky"'),
        ({"c1": f"{GOOD['c1']} Ask now."}, 'c1 has the name of a tool, "now"'),
        ({"p3": "Dishes. The price is zero, today at least."}, 'p3 has the words "the price is zero today" in common'),
        ({"p3": ""}, "p3 is empty"),
        ({"c1": f"{GOOD['c1']} {'Very good. ' * 40}"}, "c1 has more than 80 words"),
        ({"p9": "Dishes."}, "exactly one description for each key of the two lists; see: p9"),
    ],
)
def test_a_description_that_breaks_a_rule_goes_back(changed, problem):
    with pytest.raises(InvalidReply, match=problem):
        described({**GOOD, **changed})


def test_the_same_words_are_fine_where_wordings_are_not_crossed():
    same = {**GOOD, "p3": GOOD["c1"]}
    assert described(same, is_crossed=False)[NAMES["past"]] == GOOD["c1"]
    with pytest.raises(InvalidReply, match="in common with c1"):
        described(same)


# --- needs ----------------------------------------------------------------------------------------------------------

REQUEST = "What do 3 nights in Rome cost?"


def with_need(text: str) -> str:
    asked = OverrideJob(
        REQUEST,
        json.dumps({"city": "Rome", "nights": 3, "raw": True}),
        "no_account",
        lambda instruction: "names a provider" if "Alder" in instruction else None,
        random.Random(0),
    )
    return check_need(RequestReply(instruction=text), asked)


def test_a_request_with_its_values_and_the_need_is_taken():
    assert with_need(f" {REQUEST}  I don't want to sign up. ") == f"{REQUEST} I don't want to sign up."


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (REQUEST, "does not ask for a provider that needs no account"),
        (f"{REQUEST} Quickly, please.", "does not ask for a provider that needs no account"),
        ("What do 30 nights in Rome cost? No sign-up.", r"gone: nights \(3\)"),
        ("What do three nights in Romeo cost? No sign-up.", r"gone: city \(Rome\), nights \(3\)"),
        (f"{REQUEST} Without registration, and an SLA must promise uptime.", "guarantees its availability, too"),
        (f"{REQUEST} Without registration, but not Alder.", "the request names a provider"),
    ],
)
def test_a_request_that_loses_a_value_or_the_need_goes_back(text, problem):
    with pytest.raises(InvalidReply, match=problem):
        with_need(text)


# --- traits of documents --------------------------------------------------------------------------------------------


def collected(name: str, provider_description: str, **columns) -> dict:
    return {
        "tool_name": name,
        "tool_description": "Get the weather. Answers within milliseconds.",
        "provider_description": provider_description,
        "required_parameters": [],
        "optional_parameters": [],
        "traits": {},
        **columns,
    }


def understood(tools: list[dict], traits: dict[str, dict]) -> tuple[list[dict], Notes]:
    """The stage's rows if a model names these traits, by the tool's name."""

    def answer(body):
        reply = json.loads(good_answer(body))
        document = json.loads(re.findall(r"<data>\n(.*)\n</data>", body["messages"][1]["content"])[0])
        if "traits" in reply:
            named = traits.get(document["tool_name"], {})
            reply["traits"] = [{"trait": trait, "quote": quote} for trait, quote in named.items()]
        return json.dumps(reply)

    notes = Notes()
    with ScriptedServer(answer) as server:
        author = OpenAIAuthor(Endpoint(LlmSettings(base_url=server.url), Usage(None)), 0)
        rows = list(understand(tools, author, 0, notes))
        system = server.requests[-1]["messages"][0]["content"]
    assert all(f"- {trait.name}: {trait.label}" in system for trait in TRAITS.values()) or not traits
    return rows, notes


def test_traits_are_held_against_the_providers_description():
    name = "<Data>.<Alder>.<now>"
    tool = collected(name, "Weather for all.\nThe price  is zero. No sign-up stands before the first call.")
    named = {
        "free": "The price is zero.",
        "no_account": "No sign-up is needed",
        "cheap": "The price  is zero.",
        "low_latency": "Answers within milliseconds.",
    }
    (row,), notes = understood([tool], {name: named})
    assert row["traits"] == {"free": "The price is zero."}
    assert notes.counts == {"traits dropped: unknown": 1, "traits dropped: not in the provider's description": 2}


def test_a_providers_tools_share_the_traits_of_their_one_description():
    names = ["<Data>.<Alder>.<now>", "<Data>.<Alder>.<later>", "<Data>.<Birch>.<now>"]
    text = "Weather for all. The price is zero."
    tools = [collected(name, text if "Alder" in name else "Weather for some.") for name in names]
    rows, _ = understood(tools, {names[1]: {"free": "The price is zero."}})
    assert [row["traits"] for row in rows] == [{}, {"free": "The price is zero."}, {}]
    by_name = {tool["tool_name"]: tool for tool in understood_tools(tools, rows)}
    assert [list(by_name[name]["traits"]) for name in names] == [["free"], ["free"], []]


def test_the_catalogues_own_traits_are_not_replaced():
    name = "<Data>.<Alder>.<now>"
    tool = collected(name, "Gratis for all. No sign-up.", traits={"free": "Gratis for all."})
    (row,), _ = understood([tool], {name: {"no_account": "No sign-up."}})
    assert row["traits"] == {"free": "Gratis for all."}


def test_traits_that_stand_twice_are_named_once():
    traits = [{"trait": "free", "quote": " Gratis "}, {"trait": "free", "quote": "Gratis"}]
    reply = AttributesReply.model_validate({"functionality": "get", "attributes": "free", "traits": traits})
    assert check_attributes(reply)["traits"] == {"free": "Gratis"}


def test_the_job_of_understanding_gives_the_author_the_whole_document():
    tool = collected("<Data>.<Alder>.<now>", "Gratis.")
    with ScriptedServer(good_answer) as server:
        author = OpenAIAuthor(Endpoint(LlmSettings(base_url=server.url), Usage(None)), 0)
        (written,) = author.understand_all([UnderstandJob(tool, random.Random(0))])
    assert written.value.keys() == {"example", "functionality", "attributes", "traits"}
