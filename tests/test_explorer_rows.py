"""What the explorer shows of a row: why gold is gold, twins, other forms of it, replies as read, prompts as sent."""

import json
from html import unescape

import pytest
from block_rows import block, no_preference, override
from explorer_data import GOOD, LATE, PLAIN, RATED, STRANGE, write_evaluation, write_rows
from petoolkit.builder.dataset_folder import write_dataset
from rows import DATASET_FACTS, past_call, reply, row, tool

from petoolbench import SETTINGS, render_messages
from petoolkit.dataset_record import DatasetRecord
from petoolkit.evaluator.options import Options
from petoolkit.evaluator.prompts.row_prompts import prompt_fingerprint
from petoolkit.evaluator.records import Manifest
from petoolkit.explorer.block_table import block_table
from petoolkit.explorer.browse import matching
from petoolkit.explorer.content import read_content
from petoolkit.explorer.reply_view import READ, REASONING, reply_parts, verdict
from petoolkit.explorer.row_page import row_page
from petoolkit.explorer.trait_sentences import TraitSentences
from petoolkit.explorer.view import View

pytest.importorskip("starlette", reason="the explorer's extra is not installed")
from explorer_client import Client, link_in, part, text_of

OTHERS = [*(override(setting=setting) for setting in SETTINGS), no_preference()]
ROWS = [*block(), *OTHERS]
ALONE = row("u9", "chronological", "Cirrox")
BY_ID = {one["id"]: one for one in [*ROWS, ALONE]}
ASKED = [BY_ID[f"{user}/{setting}"] for setting in SETTINGS for user in ("u1", "u2")] + [ALONE]
REPLIES = [reply(one["tool_call"]["tool_name"].split(">.<")[1]) for one in ASKED]
NO_WORDS = TraitSentences([])
ONCE, MINUS = "1\N{MULTIPLICATION SIGN}", "\N{MINUS SIGN}"
U1, U2 = "u1/rating_integrated", "u2/rating_integrated"


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    record = DatasetRecord(origin="build", author="offline", recipe={"design": "controlled"})
    write_dataset(folder / "petoolbench", [("test", one) for one in [*ASKED, *OTHERS]], lambda: record)
    changed = [
        ("swap", U1, reply("Cirrox")),
        ("twin", U1, reply("Cirrox")),
        ("stranger", "u9/chronological", "no"),
        *(("override", f"u1-override/{setting}", reply("Aerwyn")) for setting in SETTINGS),
        ("no-preference", "u1-no-preference/chronological", reply("Cirrox")),
    ]
    evaluation = write_evaluation(folder / "a", REPLIES, "openai:gpt", ASKED, changed=changed, window=4000)
    return read_content(str(folder / "petoolbench"), None, [evaluation])


@pytest.fixture(scope="module")
def client(content):
    return Client(content)


def ids(content, **filters):
    return [content.index.ids[number] for number in matching(content, View(**filters))]


def test_rows_of_other_kinds_are_browsed_with_the_others(content, client):
    assert content.index.choices["kind"] == ["preference", "override", "no_preference"]
    assert content.index.choices["setting"] == list(SETTINGS)
    assert ids(content, kind="override", setting="chronological") == ["u1-override/chronological"]
    assert ids(content, kind="no_preference") == ["u1-no-preference/chronological"]
    assert len(ids(content, kind="preference")) == 7
    assert client.text("?kind=override").count("past calls · override") == 2  # of the mixed settings
    assert "as rating-integrated" in client.text("?row=u1-override/chronological")
    assert "controlled design" in client.text()


def test_replies_to_rows_of_other_kinds_are_judged(content):
    """They are kept as those of a counterfactual; here the taste was followed, and no preference is always right."""
    assert set(ids(content, outcome="wrong_tool")) == {f"u1-override/{setting}" for setting in SETTINGS}
    assert "u1-no-preference/chronological" in ids(content, outcome="right_tool")


def test_a_search_finds_what_a_called_tools_provider_is_like(content):
    assert ids(content, text="frankfurt", setting="preferred_only", kind="preference") == ["u2/preferred_only"]


def test_the_page_says_why_gold_is_gold_and_what_called_providers_are_like(client):
    html = client.html(f"?row={U1}")
    shown = text_of(html)
    why = "The user likes 'free': 1 liked past call shows it, and of the 2 tools that do the job only Aerwyn has it."
    assert why in shown
    assert "+ liked Fjordane / find free Something of money. It does not cost anything." in shown
    assert f"{MINUS} disliked Gillamar / find eu hosted" in shown
    assert f"Aerwyn / forecast gold free liked {ONCE}" in shown
    assert f"Cirrox / forecast does the job too eu hosted disliked {ONCE} not free" in shown
    assert '<span class="trait liked">free</span>' in part(html, 'id="history-title"', "Gillamar")
    assert "free what the user likes" in shown


def test_a_history_in_time_order_has_an_older_and_a_newer_half(client):
    shown = client.text("?row=u1/chronological")
    assert "older half: tools of an earlier taste 1 older Gillamar" in shown
    assert "newer half: tools that the user prefers now 2 newer Fjordane" in shown
    assert f"Cirrox / forecast does the job too eu hosted older half {ONCE} not free" in shown
    assert "oldest first, all liked" in client.text("?row=u1/preferred_only")


FREE, HOSTED = "Nobody gets an invoice.", "All machines hum in Paris."


@pytest.fixture(scope="module")
def sentences():
    """Learned of six descriptions with each trait, one with both, and twelve with none."""
    subjects = [f"{letter * 6} and {letter.upper() * 7}." for letter in "abcdefghijklmnopqrstuvwxy"]
    shown = [(FREE, ["free"])] * 6 + [(HOSTED, ["eu hosted"])] * 6 + [(f"{FREE} {HOSTED}", ["free", "eu hosted"])]
    shown += [("Kept by a club.", [])] * 12
    return TraitSentences(
        (f"{subject} {says}", traits) for subject, (says, traits) in zip(subjects, shown, strict=True)
    )


def test_the_sentences_that_speak_of_a_trait_are_found_by_their_words(sentences):
    assert sentences.find(f"Maps. {FREE} {HOSTED}", ["eu hosted", "free"]) == {FREE: "free", HOSTED: "eu hosted"}
    assert sentences.find(f"Maps. {HOSTED}", ["free"]) == {}
    assert sentences.find("We are free. Kept by a club.", ["free"]) == {"We are free.": "free"}  # the name itself


def test_sentences_are_marked_with_the_name_of_their_trait(sentences):
    one = json.loads(json.dumps(BY_ID[U1]))
    one["candidate_tools"][0]["provider_description"] = f"Weather. {FREE}"
    one["candidate_tools"][1]["provider_description"] = f"Weather. {HOSTED}"
    gold, rival = row_page(one, [], sentences).same_job
    assert [(part.text, part.kind, part.name) for part in gold.about if part.kind] == [(FREE, "liked", "free")]
    assert [(part.text, part.kind, part.name) for part in rival.about if part.kind] == [
        (HOSTED, "of-rival", "eu hosted")
    ]
    assert "".join(part.text for part in gold.about) == f"Weather. {FREE}"


def test_without_traits_the_words_that_only_the_gold_tool_shares_with_liked_calls_are_marked(tmp_path):
    liked, disliked = past_call("Fjordane", 1), past_call("Gillamar", 0)
    history = [
        liked | {"provider_description": "Never any fees."},
        disliked | {"provider_description": "Europe again."},
    ]
    tools = [
        tool("Aerwyn", "forecast", "Weather", "No fees and no keys, never."),
        tool("Cirrox", "forecast", "Weather", "Hosted in Europe, never with fees2."),
    ]
    plain = row("u1", "rating_integrated", "Aerwyn", history, tools)
    page = row_page(plain, [], NO_WORDS)
    assert page.shared == []  # `fees` is short, and a rival has `never`
    client = Client(read_content(write_rows(tmp_path, [plain]), None, [], may_look=False))
    assert "what providers are like does not show why it is preferred." in client.text()
    tools[0] = tool("Aerwyn", "forecast", "Weather", "Without charges.")
    history[0]["provider_description"] = "CHARGES are unknown."
    page = row_page(row("u1", "rating_integrated", "Aerwyn", history, tools), [], NO_WORDS)
    assert page.shared == ["charges"]
    assert [part.text for part in page.same_job[0].about if part.kind] == ["charges"]
    assert [part.text for part in page.history[0].about if part.kind] == ["CHARGES"]


@pytest.mark.parametrize(
    "taste", ["", "{}", "nonsense", '{"trait": 1}', '{"trait": "free", "tool_traits": {}, "call_traits": 3}']
)
def test_a_taste_of_another_form_is_passed_over(taste):
    page = row_page({**BY_ID[U1], "taste": taste}, [], NO_WORDS)
    assert (page.reason, page.legend) == (None, {})


def test_rows_of_other_kinds_say_so(client):
    shown = client.text("?row=u1-override/chronological")
    assert "Override: the request states a need" in shown
    assert "Cirrox / forecast gold" in shown
    assert "Aerwyn / forecast what the taste prefers" in shown
    assert "No preference: every tool that does the job is right" in client.text("?row=u1-no-preference/chronological")


def test_the_twin_is_one_click_away_and_what_differs_is_marked(client):
    html = client.html(f"?row={U1}")
    query = link_in(html, "u2 prefers Cirrox : eu hosted")
    assert query == f"?row={U2}&beside={U1}"
    assert f'<a href="{query.replace("&", "&amp;")}" data-go id="to-twin">' in html
    twin = client.html(query)
    shown = text_of(twin)
    assert f"Compared with {U1}." in shown
    assert f"1 {MINUS} disliked Fjordane / find free was liked" in shown
    assert "2 + liked Gillamar / find eu hosted was disliked" in shown
    assert "Cirrox / forecast gold was not gold" in shown
    assert link_in(twin, "Back to") == f"?row={U1}"
    chronological = client.text("?row=u2/chronological&beside=u1/chronological")
    assert "1 older Fjordane / find free was no. 2, newer half" in chronological
    alone = client.text("?row=u2/preferred_only&beside=u1/preferred_only")
    assert "Gillamar / find eu hosted not there" in alone
    assert "1 past call of the other history is not here." in alone


def test_other_forms_of_a_row_stand_beside_it_with_what_each_model_called(client):
    html = client.html(f"?row={U1}")
    table = text_of(part(html, 'class="forms"', "</table>"))
    assert "as it is (open) ✓ Aerwyn" in table
    assert "swap liked calls are disliked, and disliked ones liked a rival of the gold tool ✗ Cirrox" in table
    assert "twin the history of another user of the block the twin's tool ⇄ Cirrox" in table
    assert "u1-override the instruction states a need against the taste the gold tool ⇄ Aerwyn" in table
    assert (
        link_in(part(html, 'class="forms"', "</table>"), "u1-override")
        == f"?row=u1-override/rating_integrated&beside={U1}"
    )
    swapped = client.html(link_in(html, "swap"))
    shown = text_of(swapped)
    assert "swap: liked calls are disliked, and disliked ones liked." in shown
    assert f"1 {MINUS} disliked Fjordane / find free was liked" in shown
    assert "In this form, a sound model calls a rival of the gold tool." in shown
    assert f"Cirrox / forecast does the job too eu hosted liked {ONCE} not free called by" in shown
    assert "The same row otherwise" not in client.text("?row=u9/chronological")


@pytest.mark.parametrize(
    "query", [f"?row={U1}&change=reverse&beside=gone", "?row=u9/chronological&change=twin&beside=%00"]
)
def test_a_form_that_a_row_does_not_have_is_passed_over(client, query):
    assert "prefers" in client.text(query) or "Why" in client.html(query)


@pytest.mark.parametrize(
    ("setting", "cells"),
    [
        (
            "rating_integrated",
            {
                "Fjordane": [("liked", "+"), ("disliked", "\N{MINUS SIGN}")],
                "Gillamar": [("disliked", "\N{MINUS SIGN}"), ("liked", "+")],
            },
        ),
        (
            "chronological",
            {"Gillamar": [("disliked", "1"), ("liked", "2")], "Fjordane": [("liked", "2"), ("disliked", "1")]},
        ),
        ("preferred_only", {"Fjordane": [("liked", "1"), None], "Gillamar": [None, ("liked", "1")]}),
    ],
)
def test_the_users_of_a_block_stand_side_by_side(content, client, setting, cells):
    table = block_table(content, View(), BY_ID[f"u1/{setting}"])
    assert [(user.user_id, user.gold.provider, user.trait, user.query) for user in table.users] == [
        ("u1", "Aerwyn", "free", ""),
        ("u2", "Cirrox", "eu hosted", f"?row=u2/{setting}&beside=u1/{setting}"),
    ]
    assert {call.name.provider: call.cells for call in table.calls} == cells
    assert {call.name.provider: call.traits for call in table.calls} == {
        "Fjordane": ["free"],
        "Gillamar": ["eu hosted"],
    }
    assert table.other_kinds[0] == ("u1-override", f"?row=u1-override/{setting}&beside=u1/{setting}")
    shown = client.text(f"?row=u1/{setting}")
    assert "The users of this block side by side (2)" in shown
    assert "Rows of other kinds: u1-override" in shown


def test_the_calls_of_a_block_are_in_the_order_of_the_open_row(content):
    for user in ("u1", "u2"):
        one = BY_ID[f"{user}/chronological"]
        table = block_table(content, View(), one)
        assert [str(call.name) for call in table.calls] == [call["tool_name"] for call in one["history"]]


def test_a_row_without_block_has_no_twins_and_no_reason(content, client):
    assert block_table(content, View(), ALONE) is None
    shown = client.text("?row=u9/chronological")
    assert "of this block" not in shown
    assert "of other users" not in shown
    assert "The user likes" not in shown
    assert "No past call." in shown


# --- replies and prompts ---


def answers(tmp_path, replies, **more):
    evaluation = write_evaluation(tmp_path / "a", replies, **more)
    content = read_content(write_rows(tmp_path), None, [evaluation])
    return content, list(content.evaluations.by_name.values())


def test_a_row_says_what_was_called_and_how_it_was_judged(tmp_path):
    content, models = answers(tmp_path, [GOOD[0], reply("Cirrox"), reply("Dovarque", "{}", "convert"), "Sorry."])
    page = row_page(RATED, models, NO_WORDS)
    assert [candidate.name.provider for candidate in page.same_job] == ["Aerwyn", "Cirrox"]
    assert [candidate.name.provider for candidate in page.others] == ["Dovarque", "Equandra"]
    assert [candidate.past for candidate in page.same_job] == [["1 liked"], ["2 disliked"]]
    assert [call.candidates for call in page.history] == [[1], [2], [2]]
    assert "In the history: Aerwyn 1 liked; Cirrox 2 disliked." in Client(content).text(f"?row={RATED['id']}")
    assert [call.mark for call in page.history] == ["liked", "disliked", "disliked"]
    assert [candidate.callers for candidate in page.same_job] == [[], [("openai:gpt-4o", "wrong")]]
    (answer,) = page.answers
    assert [(one.reader, one.tool_error, one.parameter_error) for one in answer.verdicts] == [
        ("robust", "TPM", None),
        ("paper", "TPM", None),
    ]
    assert answer.by_readers == [("both readers", answer.verdicts[0])]


def test_parameters_are_held_against_the_gold_ones_one_by_one(tmp_path):
    wrong = reply("Cirrox", '{"city": "Bergen", "days": 3}')
    _, models = answers(tmp_path, [wrong, reply("Cirrox", "{}"), *GOOD[2:]])
    states = [
        [(a.name, a.state) for a in row_page(one, models, NO_WORDS).answers[0].arguments]
        for one in (PLAIN, RATED, LATE)
    ]
    assert states == [[("city", "wrong"), ("days", "wrong")], [("city", "absent")], [("city", "right")]]


def test_each_repeat_is_shown_and_any_of_them_is_found(tmp_path):
    half = [GOOD[0], reply("Cirrox"), reply("Dovarque", "{}", "convert"), "Sorry."]
    content, models = answers(tmp_path, [*GOOD, *half], repeat=2)
    assert ids(content, outcome="TPM") == [RATED["id"]]
    found = row_page(RATED, models, NO_WORDS).answers
    assert [(answer.repeat, answer.verdicts[0].tool_error) for answer in found] == [(1, None), (2, "TPM")]
    assert list(models[0].marks) == ["right", "half", "half", "half", ""]
    assert list(models[0].is_right) == [True, False, False, False, False]
    lines = Client(content).http.get("/rows.jsonl").text.splitlines()
    assert json.loads(lines[1])["openai:gpt-4o (2): tool"] == "tool preference mismatch"


def test_an_evaluation_of_one_setting_is_shown_there_and_a_row_without_a_reply_says_so(tmp_path):
    content, models = answers(tmp_path, [GOOD[2], None], rows=[LATE, STRANGE], setting="chronological")
    assert list(models[0].marks) == ["", "", "right", "wrong", ""]
    assert ids(content, outcome="wrong") == ids(content, outcome="missing") == [STRANGE["id"]]
    client = Client(content)
    assert "What the models called" not in client.text(f"?row={PLAIN['id']}")
    assert "✗ no reply there is no reply yet" in client.text(f"?row={STRANGE['id']}")
    assert "No model was asked" in client.text("?tab=models&board_setting=preferred_only")


NAMES = {tool["tool_name"] for tool in PLAIN["candidate_tools"]}
CALL = reply("Cirrox")


OWN_FORM = CALL.replace("tool_name", "name")
BY_NAME = '<Weather>.<Cirrox>.<forecast>{"city": "Oslo"}'


@pytest.mark.parametrize(
    ("raw", "kinds"),
    [
        (CALL, [(CALL, READ)]),
        (f"I call:\n{CALL}\nDone.", [("I call:\n", ""), (CALL, READ), ("\nDone.", "")]),
        (f"<think>{CALL}</think>\n{CALL}", [(f"<think>{CALL}</think>\n", REASONING), (CALL, READ)]),
        ("<think>never ends", [("<think>never ends", REASONING)]),
        ("Sorry.", [("Sorry.", "")]),
        ("  \n", [("  \n", "")]),
        (f'[{OWN_FORM}, 1] {{"x": 1}}', [("[", ""), (OWN_FORM, READ), (', 1] {"x": 1}', "")]),
        (CALL[:-1] + ",}", [(CALL[:-1] + ",}", READ)]),
        (f"so {BY_NAME} it is", [("so ", ""), (BY_NAME, READ), (" it is", "")]),
    ],
)
def test_the_part_of_a_reply_that_was_read_is_marked_and_reasoning_is_apart(raw, kinds):
    parts = reply_parts(raw, verdict(PLAIN, raw, "robust").call, NAMES)
    assert [(part.text, part.kind) for part in parts] == kinds
    assert "".join(part.text for part in parts) == raw


def test_a_reply_is_shown_as_it_was_read_by_each_reader(tmp_path):
    mended = f"<think>Which one?</think> {CALL[:-1]},}}"
    content, _ = answers(tmp_path, [mended, "", *GOOD[2:]])
    client = Client(content)
    html = client.html(f"?row={PLAIN['id']}")
    shown = text_of(part(html, 'class="answers"', "</ul>\n</section>"))
    assert "robust reader ✓ right tool ✓ right parameters paper reader ✗ no call: invalid format (IF)" in shown
    assert "the call was read as mended" in shown
    assert "reasoning, 26 characters, not read <think>Which one?</think>" in shown
    assert unescape(part(html, '<mark class="read">', "</mark>")) == f"{CALL[:-1]},}}"
    assert "both readers ✗ no call: invalid format (IF) the reply is empty" in client.text(f"?row={RATED['id']}")


def test_the_prompt_is_shown_as_it_was_sent(content, client):
    link = part(client.html(f"?row={U1}"), 'class="prompt" data-load="', '"').replace("&amp;", "&")
    messages = render_messages(BY_ID[U1])
    page = client.html(path=f"/{link}")
    piece = client.html(path=f"/{link}", **{"x-piece": "1"})
    assert piece in page
    assert "The prompt that openai:gpt was sent" in text_of(page)
    assert all(text_of(f"<p>{message['content']}</p>") in text_of(piece) for message in messages[1:])
    assert " ".join(messages[0]["content"].split()) in text_of(piece)
    swapped = {**BY_ID[U1], "history": [{**call, "rating": 1 - call["rating"]} for call in BY_ID[U1]["history"]]}
    changed = text_of(client.html(path=f"/{link}&change=swap"))
    assert " ".join(render_messages(swapped)[0]["content"].split()) in changed
    for wrong in ("row=u77", "row=u1/rating_integrated&model=x", f"row={U1}&model=openai:gpt&change=nothing"):
        answer = client.http.get(f"/prompt?{wrong}")
        assert answer.status_code == 404
        assert "open" in answer.text


@pytest.mark.parametrize(("is_todays", "says"), [(True, False), (False, True)])
def test_a_prompt_whose_wording_was_another_one_says_so(tmp_path, is_todays, says):
    evaluation = write_evaluation(tmp_path / "a", GOOD, "hf:x", window=4000, temperature=0.1)
    now = prompt_fingerprint([LATE, RATED, PLAIN], Options(), {})
    manifest = Manifest.read(evaluation)
    manifest.model_copy(update={"prompt_fingerprint": now if is_todays else "0" * 16}).write(evaluation)
    client = Client(read_content(write_rows(tmp_path), None, [evaluation]))
    shown = text_of(client.html(path=f"/prompt?row={LATE['id']}&model=hf:x"))
    assert ("The prompt's wording was another one when this model was asked; this is today's." in shown) == says


def test_a_prompt_that_was_shortened_native_or_that_is_not_one_says_so(tmp_path):
    for name, options in (("rule", {}), ("native", {"window": 4000, "protocol": "tools"})):
        write_evaluation(tmp_path / "results" / name, GOOD, f"hf:{name}", **options)
    file = tmp_path / "results" / "native" / "predictions.jsonl"
    lines = [json.loads(line) | {"dropped_interactions": 2, "cut": True} for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    client = Client(read_content(write_rows(tmp_path), None, [tmp_path / "results"]))
    rule = text_of(client.html(path=f"/prompt?row={RATED['id']}&model=hf:rule"))
    assert "hf:rule reads the row itself, and is not sent a prompt." in rule
    native = text_of(client.html(path=f"/prompt?row={RATED['id']}&model=hf:native"))
    assert "To fit into 4,000 tokens, the prompt leaves out the 2 oldest past calls." in native
    assert '"type": "function"' in native
    assert native.count("<Weather>.<Cirrox>.<other>") == 1  # of two
    assert "the prompt left out the 2 oldest interactions" in client.text(f"?row={RATED['id']}")


def test_a_prompt_shows_of_past_calls_what_the_history_method_showed(tmp_path):
    for name, method in (("latest", "last:1"), ("blind", "none"), ("described", "profile")):
        write_evaluation(tmp_path / "results" / name, GOOD, f"hf:{name}", window=4000, history=method)
    client = Client(read_content(write_rows(tmp_path), None, [tmp_path / "results"]))
    shown = {
        name: text_of(client.html(path=f"/prompt?row={RATED['id']}&model=hf:{name}"))
        for name in ("latest, history last:1", "blind, no history", "described, history profile")
    }
    calls = [text.count("each with the user's rating") for text in shown.values()]
    assert calls == [1, 0, 0]
    assert "What was shown instead of past calls is not kept in the evaluation's folder." in list(shown.values())[2]


def test_a_dataset_of_logs_says_so(tmp_path):
    record = DATASET_FACTS.model_copy(update={"origin": "logs"})
    write_dataset(tmp_path / "logs", [("test", PLAIN)], lambda: record)
    shown = Client(read_content(str(tmp_path / "logs"), None, [], may_look=False)).text()
    assert "made of logs of real calls" in shown
    assert "From logs of real calls: the gold call is the one that was made." in shown
