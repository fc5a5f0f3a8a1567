"""The tiny base model: rows without preference, a tokenizer for the prompt, and a training that teaches copying."""

import json
import math
import random
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import base
import pytest
import torch
from base_rows import RowsWithoutPreference, reading_turn
from base_targets import tokens_and_targets
from base_tokenizer import train_tokenizer
from petoolkit.builder.dataset_folder import write_dataset
from rows import DATASET_FACTS, past_call, row
from transformers import AutoModelForCausalLM, AutoTokenizer

from petoolbench import SETTINGS, ToolName, render_messages
from petoolkit.evaluator.chat_rows import gold_call

HISTORY = [past_call("Aerwyn", 1), past_call("Cirrox", 0), past_call("Dovarque", 1)]
ROWS = [row(f"u{number}", setting, "Aerwyn", HISTORY) for number in range(4) for setting in SETTINGS]


def drawn(number, interactions=3, candidates=4, seed=0):
    source, rng = RowsWithoutPreference(ROWS), random.Random(seed)
    return [source.draw(interactions, candidates, 1, rng)[0] for _ in range(number)]


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(ROWS, 300)


def test_any_tool_that_does_the_job_is_gold_whatever_the_ratings_say():
    """In the rows given, Aerwyn always is, and always liked."""
    rows = drawn(1_000)
    position = Counter()
    for each in rows:
        forecasts = sorted(t["tool_description"] for t in each["candidate_tools"] if "orecast" in t["tool_name"])
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


def test_a_renamed_provider_has_one_name_in_all_of_a_row():
    known = {"Aerwyn", "Cirrox", "Dovarque", "Equandra"}

    def is_renamed(each):
        return not known & {ToolName.parse(t["tool_name"]).provider for t in each["candidate_tools"]}

    renamed = [each for each in drawn(300) if is_renamed(each)]
    assert 180 < len(renamed) < 240  # 0.7 of 300
    assert all(len({t["tool_name"] for t in each["candidate_tools"]}) == 4 for each in renamed)
    assert not any(ToolName.parse(call["tool_name"]).provider in known for each in renamed for call in each["history"])
    assert drawn(20, seed=1) == drawn(20, seed=1) != drawn(20, seed=2)


def test_further_requests_have_the_prompt_in_common_and_may_be_for_the_same_tool():
    tools = [t["tool_name"] for t in ROWS[0]["candidate_tools"]]
    past = [{**past_call("Aerwyn"), "tool_name": name, "instruction": f"Do {name}"} for name in tools[:3]]
    source = RowsWithoutPreference([row("u1", "preferred_only", "Aerwyn", past)])
    for number in range(50):
        first, *others = source.draw(2, 4, 3, random.Random(number))
        assert len(others) == 2
        for each in others:
            assert each["instruction"].startswith("Do <")
            assert (each["history"], each["candidate_tools"]) == (first["history"], first["candidate_tools"])
            assert each["tool_call"]["tool_name"] in {t["tool_name"] for t in first["candidate_tools"]}
            assert each["tool_call"]["tool_name"] in each["same_function_tools"]


def test_a_prompt_comes_back_out_of_its_tokens_and_a_rating_is_one_of_them(tokenizer):
    rated = row("u1", "rating_integrated", "Aerwyn", HISTORY)
    prompt = tokenizer.apply_chat_template(render_messages(rated), tokenize=False, add_generation_prompt=True)
    ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == prompt
    assert len(ids) < len(prompt) / 3
    ratings = [token for token in tokenizer.convert_ids_to_tokens(ids) if token.startswith('", "rating"')]
    assert [token[13] for token in ratings] == ["1", "0", "1"]


def test_providers_are_spelt_not_known(tokenizer):
    for name in ("Aerwyn", "Dovarque"):
        assert len(tokenizer.tokenize(name)) > 1


def test_the_question_about_the_history_is_about_past_calls_and_not_about_a_choice():
    rated = row("u1", "rating_integrated", "Aerwyn", HISTORY)
    assert reading_turn(rated) == ("Which providers have been called, by rating?", "1: Dovarque, Aerwyn; 0: Cirrox")
    liked = {**rated, "history": [past_call("Cirrox", 1)]}
    assert reading_turn(liked)[1] == "1: Cirrox"
    unrated = row("u1", "chronological", "Aerwyn", [past_call("Aerwyn"), past_call("Cirrox")])
    assert reading_turn(unrated) == ("Which providers have been called, the newest first?", "Cirrox, Aerwyn")


def target_text(tokenizer, targets):
    return tokenizer.decode(targets.tokens)


def test_targets_are_calls_past_parameters_and_what_the_history_says(tokenizer):
    past = {**past_call("Cirrox"), "parameters": json.dumps({"city": "Rome"})}
    one = row("u1", "preferred_only", "Aerwyn", [past])
    one = {**one, "same_function_tools": [one["tool_call"]["tool_name"]]}
    other = {**one, "instruction": "Elsewhere?", "tool_call": {**one["tool_call"], "parameters": '{"city": "Oslo"}'}}
    ids, targets = tokens_and_targets(tokenizer, [one, other])
    question, answer = reading_turn(one)
    calls = gold_call(one) + "</s>" + gold_call(other) + "</s>"
    assert target_text(tokenizer, targets) == '"city": "Rome' + calls + "Cirrox</s>"
    assert (ids[targets.positions + 1] == targets.tokens).all()
    assert targets.weights.eq(1).all()
    assert tokenizer.decode(ids).count("<s>") == 1
    turns = f"<|user|>Elsewhere?</s><|assistant|>{gold_call(other)}</s><|user|>{question}</s><|assistant|>{answer}</s>"
    assert tokenizer.decode(ids).endswith(turns)
    _, targets = tokens_and_targets(tokenizer, [{**one, "history": [], "history_length": 0}])
    assert target_text(tokenizer, targets) == gold_call(one) + "</s>"


def test_any_tool_that_does_the_job_is_as_good_a_target(tokenizer):
    one = {**ROWS[0], "history": [], "history_length": 0}
    assert len(one["same_function_tools"]) == 2
    ids, targets = tokens_and_targets(tokenizer, [one])
    by_position = {}
    for position, token, weight in zip(*(part.tolist() for part in targets), strict=True):
        by_position.setdefault(position, {})[token] = weight
    assert all(sum(weights.values()) == 1 for weights in by_position.values())
    (parted,) = [position for position, weights in by_position.items() if len(weights) > 1]
    assert list(by_position[parted].values()) == [0.5, 0.5]
    before = tokenizer.decode(ids[min(by_position) + 1 : parted + 1])
    names = [name[: len(before) - len('{"tool_name": "')] for name in one["same_function_tools"]]
    assert [before] * 2 == [f'{{"tool_name": "{name}' for name in names]


def test_the_loss_is_least_where_chances_are_the_targets(tokenizer):
    """A model that gives each of two tools one half: its loss is that of the drawing, and no less."""
    ids, targets = tokens_and_targets(tokenizer, [{**ROWS[0], "history": [], "history_length": 0}])
    scores = torch.full((len(ids), len(tokenizer)), -1e4)
    scores[targets.positions, targets.tokens] = targets.weights.log()

    class Model:
        def model(self, inputs, use_cache):
            return SimpleNamespace(last_hidden_state=scores[None])

        lm_head = staticmethod(lambda states: states)

    loss, right = base.target_loss(Model(), tokenizer, [(ids, targets)])
    assert loss.item() == pytest.approx(math.log(2) / targets.weights.sum().item())
    assert right == 1


def test_heads_of_the_first_layer_look_1_2_and_3_tokens_back():
    width, theta = 32, 500_000.0
    frequency = 1 / theta ** (torch.arange(0, width, 2) / width)

    def rotated(vector, position):
        left, right = vector.chunk(2)
        cos, sin = (frequency * position).cos(), (frequency * position).sin()
        return torch.cat([left * cos - right * sin, right * cos + left * sin])

    for distance in (1, 2, 3):
        query, key = base._biases(distance, width, theta)
        scores = [rotated(query, 50) @ rotated(key, 50 - back) for back in range(20)]
        assert max(range(20), key=scores.__getitem__) == distance


def test_rows_grow_with_the_steps():
    sizes = list(base.curriculum(20))
    assert [candidates for _, candidates, _ in sizes] == [1] * 3 + [2] * 3 + [3] * 6 + [5] * 8
    assert sizes[0] == (0, 1, 1)
    assert len(list(base.curriculum(7))) == 7


def test_prompts_of_a_step_are_about_as_long_as_each_other(tokenizer, monkeypatch):
    def waste(sorted_together):
        monkeypatch.setattr(base, "_SORTED_TOGETHER", sorted_together)
        options = base.BaseArguments(max_steps=21, batch_size=4)
        drawn = list(base.batches(RowsWithoutPreference(ROWS), tokenizer, options, random.Random(0)))
        assert [len(batch) for batch in drawn] == [4] * 21
        lengths = [[len(ids) for ids, _ in batch] for batch in drawn]
        return sum(4 * max(batch) - sum(batch) for batch in lengths)

    assert waste(4) < waste(1)


def test_the_learning_rate_rises_and_falls():
    shares = [base.learning_rate_share(step, 400) for step in (0, 24, 49, 199, 300, 399)]
    assert shares == pytest.approx([1 / 50, 0.5, 1, 1, 0.5, 1 / 200])


@pytest.mark.slow
def test_a_base_model_is_made_and_knows_more_than_at_first(tmp_path, monkeypatch):
    """60 steps on four users: what it writes is not right, but far likelier than at random."""
    monkeypatch.chdir(tmp_path)
    write_dataset(Path("data"), [("train", each) for each in ROWS], lambda: DATASET_FACTS)
    shape = ["--hidden_size", "32", "--num_hidden_layers", "2", "--vocabulary", "300", "--batch_size", "4"]
    (options,) = base.make_parser().parse_args_and_config(
        ["--dataset_name", "data", "--output_dir", "base", "--max_steps", "60", "--logging_steps", "20", *shape]
    )
    base.main(options)
    model, tokenizer = AutoModelForCausalLM.from_pretrained("base"), AutoTokenizer.from_pretrained("base")
    with torch.no_grad():
        loss, _ = base.target_loss(model, tokenizer, [tokens_and_targets(tokenizer, [each]) for each in ROWS[:3]])
    assert loss < 0.7 * torch.tensor(len(tokenizer)).log()
    assert tokenizer.chat_template


def test_a_missing_dataset_is_named_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="petoolbench build"):
        base.main(base.BaseArguments(dataset_name="nothing"))
