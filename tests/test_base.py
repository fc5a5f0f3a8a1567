"""The tiny base model: rows without preference, a tokenizer for the prompt, and a training that teaches copying."""

import json
import math
import random
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import base
import base_model
import base_rows
import base_targets
import pytest
import torch
from base_rows import QUESTIONS, Names, RowsWithoutPreference, Size, full_name, reading_turns
from base_targets import KINDS, tokens_and_targets
from base_tokenizer import catalogue, function_name, train_tokenizer
from exchange_names import exchange_names
from petoolkit.builder.dataset_folder import write_dataset
from petoolkit.builder.traits import TRAITS
from rows import DATASET_FACTS, past_call, row, tool
from transformers import AutoModelForCausalLM

from petoolbench import SETTINGS, ToolName, render_messages
from petoolkit.evaluator.chat_rows import gold_call
from petoolkit.evaluator.dataset_rows import load_split
from petoolkit.evaluator.models.native_tools import NativeTools
from petoolkit.evaluator.models.trained_chat import FORMATS, TEXT, TOOLS
from petoolkit.training.training_chat import TrainingChat

CATALOGUE = catalogue()
NAMES = Names(CATALOGUE)


def saying(trait, wording=0):
    """A provider's description that says a trait in one of its wordings."""
    return f"We know weather inside out. {TRAITS[trait].wordings[wording]}"


def saying_trait(described):
    """The trait that a provider's description says."""
    return next(n for n, t in TRAITS.items() if described["provider_description"].endswith(tuple(t.wordings)))


def called(provider, rating=None, trait="free"):
    return {**past_call(provider, rating), "provider_description": saying(trait, 1)}


HISTORY = [called("Aerwyn", 1), called("Cirrox", 0, "bulk"), called("Dovarque", 1, "offline")]
CANDIDATES = [
    tool("Aerwyn", "forecast", "Weather forecast for a city", saying("free")),
    tool("Cirrox", "forecast", "Weather forecast for a town or city", saying("bulk")),
    tool("Dovarque", "convert", "Convert an amount of money", saying("offline")),
    tool("Equandra", "lyrics", "Song lyrics by title", saying("offline", 2)),
]


def made_row(user, setting, history):
    return row(user, setting, "Aerwyn", history, CANDIDATES)


ROWS = [made_row(f"u{number}", setting, HISTORY) for number in range(4) for setting in SETTINGS]


def source_of(rows):
    return RowsWithoutPreference(rows, NAMES)


def drawn(number, interactions=3, candidates=4, seed=0):
    source, rng = source_of(ROWS), random.Random(seed)
    return [source.draw(Size(interactions, candidates, 1), rng)[0] for _ in range(number)]


def targets_of(chat, rows):
    return tokens_and_targets(chat, rows, random.Random(0))


@pytest.fixture(scope="module")
def chats(tmp_path_factory):
    """One for each format."""
    folder = tmp_path_factory.mktemp("tokenizer")
    train_tokenizer(CATALOGUE, ROWS[0], 2000).save_pretrained(folder)
    return {form: TrainingChat(str(folder), native_tools=form == TOOLS) for form in FORMATS}


@pytest.fixture(scope="module")
def chat(chats):
    return chats[TEXT]


@pytest.fixture(scope="module")
def tokenizer(chat):
    return chat.tokenizer


def test_any_tool_that_does_the_job_is_gold_whatever_the_ratings_say():
    """In the rows given, Aerwyn always is, and always liked."""
    rows = drawn(1_000)
    position = Counter()
    for each in rows:
        forecasts = sorted(
            t["tool_description"] for t in each["candidate_tools"] if "forecast" in t["tool_description"]
        )
        gold = next(t for t in each["candidate_tools"] if t["tool_name"] == each["tool_call"]["tool_name"])
        position[forecasts.index(gold["tool_description"])] += 1
    assert set(position) == {0, 1}
    assert min(position.values()) > 400  # of 1,000; 100 is 6 standard deviations
    rated = [call["rating"] for each in rows for call in each["history"] if each["id"].endswith("rating_integrated")]
    assert 0.4 < sum(rated) / len(rated) < 0.6
    settings = Counter(each["id"].partition("/")[2] for each in rows)
    assert settings.keys() == SETTINGS.keys()
    assert min(settings.values()) > 250


def test_a_row_keeps_the_contract_and_the_limits():
    for interactions, candidates in ((0, 1), (2, 3)):
        for each in drawn(100, interactions, candidates):
            names = [t["tool_name"] for t in each["candidate_tools"]]
            assert len(each["history"]) == each["history_length"] <= interactions
            assert len(set(names)) == len(names) == candidates
            assert each["tool_call"]["tool_name"] in each["same_function_tools"]
            assert set(each["same_function_tools"]) <= set(names)
            assert all((c["rating"] is None) == (not each["id"].endswith("integrated")) for c in each["history"])


def test_tools_have_other_names_of_the_catalogue_the_same_in_all_of_a_prompt():
    own, others = {t["tool_name"] for t in CANDIDATES}, {full_name(document) for document in CATALOGUE}

    def names(each):
        return {t["tool_name"] for t in each["candidate_tools"]}

    renamed = [each for each in drawn(300) if not own & names(each)]
    assert 250 < len(renamed) < 290  # 0.9 of 300
    assert all(len(names(each)) == 4 and names(each) <= others for each in renamed)
    assert all(call["tool_name"] in others for each in renamed for call in each["history"])
    for each in renamed:
        known = {t["tool_description"]: t["tool_name"] for t in each["candidate_tools"]}
        assert set(each["same_function_tools"]) == {known[t["tool_description"]] for t in CANDIDATES[:2]}
        for new, old in ((t, o) for t in each["candidate_tools"] for o in CANDIDATES):
            if new["tool_description"] == old["tool_description"]:
                sentence = old["provider_description"].removeprefix("We know weather inside out. ")
                assert new["provider_description"].endswith(f" {sentence}")
    parameters = Counter(list(json.loads(each["tool_call"]["parameters"])) == ["city"] for each in renamed)
    assert min(parameters.values()) > 90
    assert drawn(20, seed=1) == drawn(20, seed=1) != drawn(20, seed=2)


def test_a_prompt_without_requests_says_names_and_how_providers_are_described(chat):
    (each,) = source_of(ROWS).draw(Size(2, 4, 0), random.Random(0))
    assert not any(t["tool_description"] or t["required_parameters"] for t in each["candidate_tools"])
    assert not any(call["instruction"] for call in each["history"])
    ids, targets = targets_of(chat, [each])
    asked = chat.tokenizer.decode(ids).split("<|user|>\n")[1:]
    assert len([each for each in asked if not each.startswith(base_rows._LIKE_QUESTION)]) == 7
    assert all(text.startswith(QUESTIONS) for text in asked)
    assert chat.tokenizer.decode(targets.tokens).count("</s>") == len(asked)


def test_further_requests_have_the_prompt_in_common_and_may_be_for_the_same_tool():
    tools = [t["tool_name"] for t in CANDIDATES]
    past = [{**called("Aerwyn"), "tool_name": name, "instruction": f"Do {name}"} for name in tools[:3]]
    source = source_of([made_row("u1", "preferred_only", past)])
    for number in range(50):
        first, *others = source.draw(Size(2, 4, 3), random.Random(number))
        assert len(others) == 2
        for each in others:
            assert each["instruction"].startswith("Do <")
            assert (each["history"], each["candidate_tools"]) == (first["history"], first["candidate_tools"])
            assert each["tool_call"]["tool_name"] in {t["tool_name"] for t in first["candidate_tools"]}
            assert each["tool_call"]["tool_name"] in each["same_function_tools"]


@pytest.mark.parametrize("form", FORMATS)
def test_a_prompt_comes_back_out_of_its_tokens_and_a_rating_is_one_of_them(chats, form):
    chat, rated = chats[form], made_row("u1", "rating_integrated", HISTORY)
    messages, tools = render_messages(rated, native_tools=chat.native_tools), rated["candidate_tools"]
    ids = chat.encode(messages, tools)
    functions = NativeTools(tools).functions() if chat.native_tools else ()
    prompt = chat.renderer.render(messages, functions)
    assert chat.tokenizer.decode(ids) == prompt
    assert len(ids) < len(prompt) / 6
    ratings = [token for token in chat.tokenizer.convert_ids_to_tokens(ids) if token.startswith('", "rating"')]
    assert [token[13] for token in ratings] == ["1", "0", "1"]


def test_names_of_the_catalogue_and_sentences_of_traits_are_one_token_each(tokenizer):
    document = CATALOGUE[0]
    whole = full_name(document), function_name(full_name(document)), f'"{document.required_parameters[0].name}"'
    assert all(tokenizer.tokenize(text) == [text] for text in whole)
    assert len(tokenizer.tokenize("Nowhereco")) > 1
    assert all(len(tokenizer.tokenize(text)) == 1 for trait in TRAITS.values() for text in trait.wordings)
    assert len(tokenizer.tokenize(saying("free"))) == 2


def answers(each, question):
    """Every question of a row that begins so, with its answers, whatever is drawn."""
    asked = [turn for seed in range(40) for turn in reading_turns(each, random.Random(seed))]
    return {text: right for _, text, right in asked if text.startswith(question)}


def test_questions_are_about_what_the_prompt_says_and_not_about_a_choice():
    rated = made_row("u1", "rating_integrated", HISTORY)

    def sentence(call):
        return call["provider_description"].removeprefix("We know weather inside out. ")

    assert answers(rated, "How") == {
        "How are the providers of the past calls with rating 1 described, the newest first?": [
            f"{sentence(HISTORY[2])} {sentence(HISTORY[0])}"
        ],
        "How are the providers of the past calls with rating 0 described, the newest first?": [sentence(HISTORY[1])],
    }
    unrated = made_row("u1", "chronological", [{**call, "rating": None} for call in HISTORY[:2]])
    newest_first = [f"{sentence(HISTORY[1])} {sentence(HISTORY[0])}"]
    assert list(answers(unrated, "How").values()) == [newest_first]
    wording = {text: name for name, trait in TRAITS.items() for text in trait.wordings}
    for tools, question in ((CANDIDATES, base_rows._CANDIDATE_QUESTION), (HISTORY, base_rows._PAST_QUESTION)):
        found = answers(rated, question)
        assert len(found) > 8  # other words for the trait than the prompt's, too
        for text, right in found.items():
            trait = wording[text.partition(": ")[2]]
            said = [t["tool_name"] for t in tools if wording[sentence(t)] == trait]
            assert right == [f'{{"tool_name": "{name}"}}' for name in said]
    assert not answers({**rated, "history": []}, "How")


def test_a_question_about_a_past_call_asks_for_candidates_of_the_same_trait():
    rated = made_row("u1", "rating_integrated", HISTORY)
    found = answers(rated, "Which candidate tool is of a provider described like")
    free, bulk, offline = (
        [f'{{"tool_name": "{t["tool_name"]}"}}' for t in CANDIDATES if saying_trait(t) == trait]
        for trait in ("free", "bulk", "offline")
    )
    asked = [f'that of the past call of "{call["tool_name"]}"' for call in HISTORY]
    for call, right in zip(asked, (free, bulk, offline), strict=True):
        assert [given for text, given in found.items() if text.endswith(call)] == [right]
    twice = {**rated, "history": [HISTORY[0], HISTORY[0]]}
    assert not answers(twice, "Which candidate tool is of a provider described like")


def test_past_calls_may_say_a_candidate_s_trait_in_other_words(monkeypatch):
    monkeypatch.setattr(base_rows, "_LIKE_A_CANDIDATE", 1.0)
    drawn = [source_of(ROWS).draw(Size(3, 4, 1), random.Random(number))[0] for number in range(20)]
    for each in drawn:
        candidates = {saying_trait(tool) for tool in each["candidate_tools"]}
        assert {saying_trait(call) for call in each["history"]} <= candidates


def test_tools_of_training_rows_get_names_by_lot_and_those_of_test_rows_keep_theirs(tmp_path):
    asked = [("test", {**each, "user_id": f"t{each['user_id']}", "id": f"t{each['id']}"}) for each in ROWS]
    unseen = ToolName.parse(full_name(CATALOGUE[0])).provider
    for _, each in asked:
        first, *others = each["candidate_tools"]
        each["candidate_tools"] = [{**first, "tool_name": full_name(CATALOGUE[0])}, *others]
    write_dataset(tmp_path / "built", [*(("train", each) for each in ROWS), *asked], lambda: DATASET_FACTS)
    exchange_names(tmp_path / "built", tmp_path / "data")
    built, made = (
        {split: list(load_split(str(tmp_path / folder), "all", split)) for split in ("train", "test")}
        for folder in ("built", "data")
    )
    assert made["test"] == built["test"]
    names_of_block = {}
    for old, new in zip(built["train"], made["train"], strict=True):
        names = [tool["tool_name"] for tool in new["candidate_tools"]]
        assert names_of_block.setdefault(new["block_id"], names) == names
        assert not {tool["tool_name"] for tool in old["candidate_tools"]} & set(names)
        assert unseen not in {ToolName.parse(name).provider for name in names}
        of = dict(zip((tool["tool_name"] for tool in old["candidate_tools"]), names, strict=True))
        assert new["tool_call"] == {**old["tool_call"], "tool_name": of[old["tool_call"]["tool_name"]]}
        for column in ("acceptable_tools", "same_function_tools"):
            assert new[column] == [of[name] for name in old[column]]


def test_a_prompt_may_have_candidates_of_other_rows():
    rows = [
        {**each, "candidate_tools": each["candidate_tools"][:2], "same_function_tools": each["same_function_tools"]}
        for each in ROWS
    ]
    other = {**rows[0], "candidate_tools": CANDIDATES[2:], "same_function_tools": [CANDIDATES[2]["tool_name"]]}
    drawn = [source_of([*rows, other]).draw(Size(2, 4, 1), random.Random(number))[0] for number in range(20)]
    assert max(len(each["candidate_tools"]) for each in drawn) == 4
    for each in drawn:
        assert len({tool["tool_name"] for tool in each["candidate_tools"]}) == len(each["candidate_tools"])


@pytest.mark.parametrize("form", FORMATS)
def test_targets_are_calls_past_parameters_and_answers(chats, form):
    chat = chats[form]
    past = {**called("Cirrox"), "parameters": json.dumps({"city": "Rome"})}
    one = made_row("u1", "preferred_only", [past])
    one = {**one, "same_function_tools": [one["tool_call"]["tool_name"]]}
    other = {**one, "instruction": "Elsewhere?", "tool_call": {**one["tool_call"], "parameters": '{"city": "Oslo"}'}}
    ids, targets = targets_of(chat, [one, other])
    written, read = chat.tokenizer.decode(targets.tokens), chat.tokenizer.decode(ids)
    assert '"city": "Rome' in written
    for each in (one, other):
        call = chat.tokenizer.decode(chat.encode_answer(gold_call(each), each["candidate_tools"]))
        assert call.startswith({TEXT: '{"tool_name": "<', TOOLS: '{"name": "Weather_Aerwyn'}[form])
        assert call in written
        assert f"<|assistant|>\n{call}" in read
        assert f"<|user|>\n{each['instruction']}</s>" in read
    assert written.count("</s>") == 2 + 3 + 3 + 1 + 1  # the last is about a candidate like the past call
    first = targets.positions[targets.weights == 1]
    assert set(ids[first + 1].tolist()) <= set(targets.tokens.tolist())
    assert read.count("<s>") == 1
    _, targets = targets_of(chat, [{**one, "history": [], "history_length": 0}])
    assert chat.tokenizer.decode(targets.tokens).count("</s>") == 1 + 3


def test_a_native_answer_names_a_candidate_s_function_and_a_past_call_s_tool(chats):
    _, targets = targets_of(chats[TOOLS], [made_row("u1", "preferred_only", HISTORY)])
    for kind, form in (("which candidate", '{"name": "Weather_'), ("which past call", '{"tool_name": "<Weather>')):
        of_kind = targets.tokens[targets.kinds == KINDS.index(kind)]
        assert form in chats[TOOLS].tokenizer.decode(of_kind)


def test_any_tool_that_does_the_job_is_as_good_a_target(chat, monkeypatch):
    monkeypatch.setattr(base_targets, "reading_turns", lambda *row: [])
    one = {**ROWS[0], "history": [], "history_length": 0}
    assert len(one["same_function_tools"]) == 2
    ids, targets = targets_of(chat, [one])
    by_position = {}
    for position, token, weight in zip(*(part.tolist() for part in targets[:3]), strict=True):
        by_position.setdefault(position, {})[token] = weight
    assert all(sum(weights.values()) == 1 for weights in by_position.values())
    (parted,) = [position for position, weights in by_position.items() if len(weights) > 1]
    assert list(by_position[parted].values()) == [0.5, 0.5]
    before = chat.tokenizer.decode(ids[min(by_position) + 1 : parted + 1])
    names = [name[: len(before) - len('{"tool_name": "')] for name in one["same_function_tools"]]
    assert [before] * 2 == [f'{{"tool_name": "{name}' for name in names]


def model_giving(scores):
    """A model whose scores are these, (length, tokens), whatever it reads."""
    return SimpleNamespace(
        device=torch.device("cpu"),
        model=lambda inputs, use_cache: SimpleNamespace(last_hidden_state=scores[None]),
        lm_head=lambda states: states,
    )


def test_the_loss_is_least_where_chances_are_the_targets(chat, tokenizer, monkeypatch):
    """A model that gives each of two tools one half: its loss is that of the drawing, and no less."""
    monkeypatch.setattr(base_targets, "reading_turns", lambda *row: [])
    ids, targets = targets_of(chat, [{**ROWS[0], "history": [], "history_length": 0}])
    scores = torch.full((len(ids), len(tokenizer)), -1e4)
    scores[targets.positions, targets.tokens] = targets.weights.log()

    loss, answered = base.target_loss(model_giving(scores), tokenizer, [(ids, targets)], torch.ones(len(base.KINDS)))
    assert loss.item() == pytest.approx(math.log(2) / targets.weights.sum().item())
    assert base.shares(answered) == "calls 100.0%"


def test_an_answer_counts_as_much_as_its_kind_weighs(chat, tokenizer):
    ids, targets = targets_of(chat, [made_row("u1", "preferred_only", [called("Cirrox")])])
    scores = torch.randn(len(ids), len(tokenizer), generator=torch.Generator().manual_seed(1))
    lost = -scores.log_softmax(-1)[targets.positions, targets.tokens]
    of_kinds = torch.tensor([3.0 if kind == base.ALIKE else 1.0 for kind in KINDS])
    loss, _ = base.target_loss(model_giving(scores), tokenizer, [(ids, targets)], of_kinds)
    thrice = targets.weights * (1 + 2 * (targets.kinds == KINDS.index(base.ALIKE)))
    assert thrice.sum() > targets.weights.sum()
    assert loss.item() == pytest.approx(((lost * thrice).sum() / thrice.sum()).item())


def test_names_of_functions_have_more_of_what_a_head_looks_for_where_functions_are_called(tokenizer):
    torch.manual_seed(3)
    plain = base_model.make_model(tokenizer, hidden_size=128, layers=4, heads=4)
    torch.manual_seed(3)
    calling = base_model.make_model(tokenizer, hidden_size=128, layers=4, heads=4, calls_functions=True)
    more = calling.model.embed_tokens.weight - plain.model.embed_tokens.weight
    names = [token for token in tokenizer.get_vocab() if base_model._NAME.fullmatch(token)]
    changed = {tokenizer.convert_ids_to_tokens(number) for number in more.norm(dim=1).nonzero()[:, 0].tolist()}
    assert changed == {function_name(name) for name in names} and len(changed) > 100
    assert torch.linalg.matrix_rank(more, atol=1e-3) == 1


def test_an_answer_is_right_if_each_of_its_tokens_is(chat, tokenizer):
    """The model writes the targets, but for one token of the first question's answer."""
    ids, targets = targets_of(chat, [made_row("u1", "preferred_only", [called("Cirrox")])])
    scores = torch.zeros(len(ids), len(tokenizer))
    scores[targets.positions, targets.tokens] = 1 + targets.weights
    asked = [kind for kind in range(len(KINDS)) if kind in targets.kinds]
    question = KINDS.index("which candidate")
    wrong = targets.positions[targets.kinds == question][0]
    scores[wrong] = 0

    _, (right, all_) = base.target_loss(model_giving(scores), tokenizer, [(ids, targets)], torch.ones(len(base.KINDS)))
    assert all_.nonzero()[:, 0].tolist() == asked
    assert (all_ - right).tolist() == [float(kind == question) for kind in range(len(KINDS))]


def test_what_is_copied_begins_alike_in_both_its_forms(tokenizer):
    embeddings = torch.randn(len(tokenizer), 64)
    base_model._begin_alike(embeddings, tokenizer)
    name = full_name(CATALOGUE[0])
    for forms in (("day", " day"), (name, function_name(name))):
        (one,), (other,) = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in forms)
        assert one != other
        assert torch.cosine_similarity(embeddings[one], embeddings[other], dim=0) > 0.7


def test_heads_of_the_first_layer_look_1_2_and_4_tokens_back():
    width = 32
    frequency = base_model._frequencies(width)

    def rotated(vector, position):
        left, right = vector.chunk(2)
        cos, sin = (frequency * position).cos(), (frequency * position).sin()
        return torch.cat([left * cos - right * sin, right * cos + left * sin])

    for distance in (1, 2, 4):
        query, key = base_model._biases(distance, width)
        scores = [rotated(query, 50) @ rotated(key, 50 - back) for back in range(20)]
        assert max(range(20), key=scores.__getitem__) == distance


def test_rows_grow_with_the_steps_and_short_ones_come_again():
    options = base.BaseArguments(max_steps=40, interactions=3, candidates=6)
    sizes = [size for size, _ in base.curriculum(options)]
    reading, whole = Size(6, 6, 0), Size(3, 6, 3)
    assert sizes[:10] == [Size(6, 2, 0)] * 2 + [reading] * 8
    assert sizes[10:14] == [whole, whole, reading, whole]
    assert sizes[10:].count(reading) == 7
    assert len(list(base.curriculum(base.BaseArguments(max_steps=7)))) == 7


def test_a_head_of_the_first_layer_reads_the_nearest_name_before(tokenizer):
    torch.manual_seed(0)
    model = base_model.make_model(tokenizer, hidden_size=128, layers=4, heads=4)
    model.set_attn_implementation("eager")
    text = "".join(
        f'{{"tool_name": "{full_name(document)}" {"in a line of some words, " * 4}' for document in CATALOGUE[::300]
    )
    ids = tokenizer(text, return_tensors="pt", add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        weights = model(ids, output_attentions=True).attentions[0][0, base_model._NAME_HEAD]  # (length, length)
    names = [number for number, token in enumerate(tokenizer.convert_ids_to_tokens(ids[0])) if token.endswith(">")]
    assert len(names) == 5
    read = weights.argmax(dim=1).tolist()[names[0] :]
    nearest = [max(number for number in names if number <= position) for position in range(names[0], len(weights))]
    assert sum(map(int.__eq__, read, nearest)) > 0.8 * len(nearest)


def test_a_head_of_the_second_layer_finds_what_the_question_ends_with(tokenizer):
    """Where the name is to be written, it mostly attends to the question's sentence, or to the same one before."""
    torch.manual_seed(0)
    model = base_model.make_model(tokenizer, hidden_size=128, layers=4, heads=4)
    model.set_attn_implementation("eager")
    sentences = [trait.wordings[0] for trait in TRAITS.values()][:6]
    names = [full_name(document) for document in CATALOGUE[::200]][:6]
    tools = "".join(
        f'{{"tool_name": "{name}", "provider_description": "{sentence}", "parameters": {{}}}}\n'
        for name, sentence in zip(names, sentences, strict=True)
    )
    found = 0
    for sentence in sentences:
        text = f'{tools}<|user|>\n{QUESTIONS[0]}{sentence}</s>\n<|assistant|>\n{{"tool_name": "'
        ids = tokenizer(text, return_tensors="pt", add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            weights = model(ids, output_attentions=True).attentions[1][0, base_model._LOOKUP_HEAD, -1]
        found += ids[0, weights.argmax()].item() == tokenizer.convert_tokens_to_ids(sentence)
    assert found >= 4  # of six; of these texts' 86 tokens, two are the sentence


def test_prompts_of_a_step_are_about_as_long_as_each_other(chats, monkeypatch):
    def waste(sorted_together):
        monkeypatch.setattr(base, "_SORTED_TOGETHER", sorted_together)
        options = base.BaseArguments(max_steps=21, batch_size=4)
        prompts = base.Prompts(source_of(ROWS), list(chats.values()), options)
        drawn = [batch for together in prompts for batch in together]
        assert [len(batch) for batch in drawn] == [4 * times for _, times in base.curriculum(options)]
        lengths = [[len(ids) for ids, _ in batch] for batch in drawn]
        return sum(len(batch) * max(batch) - sum(batch) for batch in lengths)

    assert waste(4) < waste(1)


def test_the_learning_rate_rises_and_falls():
    shares = [base.learning_rate_share(step, 400) for step in (0, 24, 49, 199, 300, 399)]
    assert shares == pytest.approx([1 / 50, 0.5, 1, 1, 0.5, 1 / 200])


@pytest.mark.slow
def test_a_base_model_is_made_and_knows_more_than_at_first(tmp_path, monkeypatch):
    """200 steps on four users: what it writes is not right, but far likelier than at random."""
    monkeypatch.chdir(tmp_path)
    write_dataset(Path("data"), [("train", each) for each in ROWS], lambda: DATASET_FACTS)
    shape = ["--hidden_size", "32", "--num_hidden_layers", "3", "--vocabulary", "2000", "--batch_size", "4"]
    (options,) = base.make_parser().parse_args_and_config(
        ["--dataset_name", "data", "--output_dir", "base", "--max_steps", "200", "--logging_steps", "50", *shape]
    )
    base.main(options)
    model, chat = AutoModelForCausalLM.from_pretrained("base"), TrainingChat("base")
    with torch.no_grad():
        loss, _ = base.target_loss(
            model, chat.tokenizer, [targets_of(chat, [each]) for each in ROWS[:3]], torch.ones(len(base.KINDS))
        )
    assert loss < 0.7 * torch.tensor(len(chat.tokenizer)).log()


def test_a_missing_dataset_is_named_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="petoolbench build"):
        base.main(base.BaseArguments(dataset_name="nothing"))
