"""`hf:` models: batches and one prompt at a time, prompts token by token, adapters, memory, what can't be loaded."""

import json
import math
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
from conftest import ROOT
from peft import LoraConfig, PeftModel, PromptTuningConfig, TaskType, get_peft_model
from tiny_model import make_tiny_model
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, MistralConfig

from petoolbench import InputError
from petoolkit.evaluator.models import hf_batch
from petoolkit.evaluator.models.adapter_base import is_same_model
from petoolkit.evaluator.models.chat_tokenizer import ChatTokenizer
from petoolkit.evaluator.models.hf_model import HfModel
from petoolkit.evaluator.models.model import Prompt, reply_seed, split_spec
from petoolkit.evaluator.models.model_kinds import make_chat
from petoolkit.evaluator.models.shared_prompts import generate_to_shared_prompts
from petoolkit.evaluator.options import Options

BOS, EOS = 0, 1  # the tiny tokenizer's
NEW_TOKENS = 16
TEXTS = [(ROOT / "LICENSE").read_text()]  # it stays as it is


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("tiny"), TEXTS)


@pytest.fixture
def folder(tiny, tmp_path) -> Path:
    """A copy of the tiny model, to be changed."""
    return Path(shutil.copytree(tiny, tmp_path / "model"))


def load(spec: Path | str, temperature: float = 0, seed: int = 0, **options) -> HfModel:
    return HfModel(str(spec), temperature, NEW_TOKENS, seed, **options)


@pytest.fixture(scope="module")
def model(tiny) -> HfModel:
    return load(tiny)


def prompt(number: int, repeat: int = 0) -> Prompt:
    """Prompts of many lengths, not sorted by them."""
    messages = [
        {"role": "system", "content": "Call one of the tools. " * (number * 7 % 20 + 1)},
        {"role": "user", "content": f"Who is number {number}?"},
    ]
    return Prompt(f"u{number}/chronological", repeat, messages, [])


PROMPTS = [prompt(number) for number in range(10)]


def replies(model: HfModel, prompts: list[Prompt] = PROMPTS) -> dict[str, str | None]:
    return {answer.prompt.row_id: answer.reply for answer in model.answer_all(prompts)}


def one_by_one(model: HfModel, prompts: list[Prompt] = PROMPTS) -> dict[str, str | None]:
    return {key: reply for one in prompts for key, reply in replies(model, [one]).items()}


def plainly(model, tokenizer, prompts: list[Prompt] = PROMPTS) -> dict[str, str]:
    """Greedy replies as transformers alone writes them, one prompt at a time."""
    written = {}
    for one in prompts:
        ids = tokenizer.apply_chat_template(one.messages, add_generation_prompt=True, return_tensors="pt")["input_ids"]
        reply = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW_TOKENS, do_sample=False)
        written[one.row_id] = tokenizer.decode(reply[0, ids.shape[1] :], skip_special_tokens=True)
    return written


# --- batches --------------------------------------------------------------------------------------------------------


def test_batched_replies_equal_one_by_one_and_transformers_own(model, tiny):
    batched = replies(model)
    assert batched == one_by_one(model)
    assert batched == plainly(AutoModelForCausalLM.from_pretrained(tiny), AutoTokenizer.from_pretrained(tiny))
    assert len(set(batched.values())) > 6  # they do depend on the prompt


def test_a_model_with_a_sliding_window_is_read_in_a_padded_batch(folder):
    """It keeps other states than keys and values of all tokens."""
    config = json.loads((folder / "config.json").read_text())
    sizes = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    torch.manual_seed(0)
    sliding = MistralConfig(
        **{name: config[name] for name in sizes}, num_key_value_heads=2, sliding_window=16, initializer_range=0.2
    )
    AutoModelForCausalLM.from_config(sliding).save_pretrained(folder)
    model = load(folder)
    plain = plainly(AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder))
    assert replies(model) == one_by_one(model) == plain


def test_each_prompt_gets_one_answer_with_its_tokens_and_time(model):
    answers = list(model.answer_all(PROMPTS))
    assert Counter(answer.prompt.row_id for answer in answers) == Counter(one.row_id for one in PROMPTS)
    for answer in answers:
        assert answer.prompt_tokens == model.count_tokens(answer.prompt.messages)
        assert 1 <= answer.completion_tokens <= NEW_TOKENS and answer.seconds > 0 and answer.error is None
    lengths = [answer.prompt_tokens for answer in answers]
    assert lengths == sorted(lengths, reverse=True)


def test_a_prompt_that_is_sampled_several_times_is_read_once(tiny):
    sampling = load(tiny, temperature=0.8)
    asked = [prompt(number, repeat) for repeat in range(3) for number in range(4)]
    alone = {(one.row_id, one.repeat): next(sampling.answer_all([one])).reply for one in asked}
    lengths_read = []
    sampling._model.base_model.register_forward_pre_hook(
        lambda module, args: lengths_read.append(args[0].shape[1]) if args else None
    )
    together = {(one.prompt.row_id, one.prompt.repeat): one.reply for one in sampling.answer_all(asked)}
    assert together == alone
    assert len(set(together.values())) > 4  # samples of a prompt differ
    assert lengths_read == sorted(
        (sampling.count_tokens(prompt(number).messages) - 1 for number in range(4)), reverse=True
    )


def test_batches_hold_as_many_prompts_as_their_number_of_tokens_allows(model, monkeypatch):
    batches = []

    def write_nothing(model, prompts, *rest):
        batches.append([len(ids) for ids in prompts])
        return [[]] * len(prompts)

    monkeypatch.setattr(hf_batch, "generate_replies", write_nothing)
    monkeypatch.setattr(model, "_batch_tokens", 700)
    assert len(list(model.answer_all(PROMPTS))) == len(PROMPTS)
    for lengths in batches[:-1]:
        assert len(lengths) == max(1, 700 // (lengths[0] + NEW_TOKENS))
    assert 1 < len(batches) < len(PROMPTS)


def test_padding_is_on_the_left_and_masked(model, monkeypatch):
    seen = {}
    generate = model._model.generate

    def note(ids, **options):
        seen.update(ids=ids.tolist(), mask=options["attention_mask"].tolist())
        return generate(ids, **options)

    monkeypatch.setattr(model._model, "generate", note)
    list(model.answer_all(PROMPTS[:3]))
    encoded = sorted((model._chat.encode(one.messages) for one in PROMPTS[:3]), key=len, reverse=True)
    gaps = [len(encoded[0]) - len(own) for own in encoded]
    assert seen["ids"] == [[EOS] * gap + own for gap, own in zip(gaps, encoded, strict=True)]  # it has no pad token
    assert seen["mask"] == [[0] * gap + [1] * len(own) for gap, own in zip(gaps, encoded, strict=True)]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_replies_to_shared_prompts_are_those_of_a_row_for_each(model, temperature):
    """Each prompt twice or three times, in any order; a reply ends alone."""
    ids = [model._chat.encode(one.messages) for one in PROMPTS]
    asked = [*ids, *reversed(ids), ids[0]]
    seeds = list(range(len(asked)))
    whole = hf_batch.generate_replies(model._model, asked, seeds, temperature, model._config)
    assert generate_to_shared_prompts(model._model, asked, seeds, temperature, model._config) == whole
    end = Counter(token for reply in whole for token in set(reply[1:-1])).most_common(1)[0][0]
    config = GenerationConfig(**{**model._config.to_diff_dict(), "eos_token_id": [end]})
    ended = generate_to_shared_prompts(model._model, asked, seeds, temperature, config)
    assert ended == [reply[: reply.index(end) + 1] if end in reply else reply for reply in whole]
    assert len({len(reply) for reply in ended}) > 1


def test_a_reply_ends_with_whatever_token_the_models_settings_name(model, folder):
    ids = [model._chat.encode(one.messages) for one in PROMPTS]
    whole = hf_batch.generate_replies(model._model, ids, [0] * len(ids), 0, model._config)
    assert {len(reply) for reply in whole} == {NEW_TOKENS}  # random weights never end by themselves
    end, replies_with_it = Counter(token for reply in whole for token in set(reply[1:-1])).most_common(1)[0]
    unwritten = next(token for token in range(BOS + 2, 400) if not any(token in reply for reply in whole))
    settings = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps({**settings, "eos_token_id": [end, unwritten]}))
    ending = load(folder)
    assert ending._config.eos_token_id == sorted([EOS, end, unwritten])
    ended = hf_batch.generate_replies(ending._model, ids, [0] * len(ids), 0, ending._config)
    assert ended == [reply[: reply.index(end) + 1] if end in reply else reply for reply in whole]
    assert sum(len(reply) < NEW_TOKENS for reply in ended) >= replies_with_it > 1
    tokens = {answer.prompt.row_id: answer.completion_tokens for answer in ending.answer_all(PROMPTS)}
    assert tokens == {one.row_id: len(reply) for one, reply in zip(PROMPTS, ended, strict=True)}


def test_the_models_own_settings_of_sampling_do_not_matter(folder, model):
    own = {
        "do_sample": True,
        "temperature": 9.0,
        "top_k": 2,
        "repetition_penalty": 5.0,
        "max_length": 8,
        "num_beams": 2,
    }
    settings = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps({**settings, **own}))
    assert replies(load(folder)) == replies(model)


# --- sampling -------------------------------------------------------------------------------------------------------


def test_sampled_replies_do_not_depend_on_the_batch(tiny):
    sampling = load(tiny, temperature=0.8)
    batched = replies(sampling)
    assert batched == one_by_one(sampling) == replies(sampling)
    assert batched != replies(load(tiny))


def test_sampled_replies_depend_on_seed_row_and_repeat(tiny):
    sampling, other = load(tiny, temperature=0.8), load(tiny, temperature=0.8, seed=1)
    first = prompt(1)
    elsewhere = Prompt("u2/chronological", 0, first.messages, [])
    again = prompt(1, repeat=1)
    written = [
        next(model.answer_all([one])).reply
        for model, one in (
            (sampling, first),
            (other, first),
            (sampling, elsewhere),
            (sampling, again),
        )
    ]
    assert len(set(written)) == 4
    assert len({reply_seed(0, first), reply_seed(1, first), reply_seed(0, elsewhere), reply_seed(0, again)}) == 4
    assert 0 <= reply_seed(0, first) < 2**63


def test_tokens_are_drawn_from_the_distribution_at_the_temperature():
    scores, temperature, draws = torch.tensor([1.0, 0.5, 0.0, -20.0]), 0.5, 4_000
    noise = hf_batch.GumbelNoise(temperature, range(draws), torch.device("cpu"))
    drawn = Counter(noise(torch.zeros(draws, 1), scores.repeat(draws, 1)).argmax(dim=1).tolist())
    weights = [math.exp(score / temperature) for score in scores.tolist()]
    for token, weight in enumerate(weights):
        share = weight / sum(weights)
        assert drawn[token] / draws == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / draws) + 1e-9)


# --- from messages to tokens ----------------------------------------------------------------------------------------

MESSAGES = [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]
WITH_BOS = "{{ bos_token }}{% for message in messages %}{{ message['content'] }}{% endfor %}"


def with_template(folder: Path, template: str | None) -> Path:
    (folder / "chat_template.jinja").unlink()
    if template is not None:
        (folder / "chat_template.jinja").write_text(template)
    return folder


@pytest.mark.parametrize("template", [WITH_BOS, WITH_BOS.replace("{{ bos_token }}", "")])
def test_a_prompt_has_one_bos_whether_the_template_or_the_tokenizer_puts_it(folder, template):
    chat = ChatTokenizer(str(with_template(folder, template)))
    assert chat.tokenizer("ab")["input_ids"][0] == BOS
    assert chat.encode(MESSAGES) == [BOS, *chat.tokenizer("ab", add_special_tokens=False)["input_ids"]]


def test_no_bos_is_put_where_neither_does(folder):
    settings = json.loads((folder / "tokenizer.json").read_text())
    (folder / "tokenizer.json").write_text(json.dumps({**settings, "post_processor": None}))
    chat = ChatTokenizer(str(with_template(folder, WITH_BOS.replace("{{ bos_token }}", ""))))
    assert chat.encode(MESSAGES) == chat.tokenizer("ab")["input_ids"]
    assert BOS not in chat.encode(MESSAGES)


def test_a_template_that_refuses_system_messages_gets_one_message(folder):
    refusing = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}" + WITH_BOS
    chat = ChatTokenizer(str(with_template(folder, refusing)))
    assert chat.tokenizer.decode(chat.encode(MESSAGES)) == "<s>a\n\nb"


def test_the_prompt_ends_where_the_reply_begins(model):
    shown = model._chat.tokenizer.decode(model._chat.encode(MESSAGES))
    assert shown == "<s><|system|>\na</s>\n<|user|>\nb</s>\n<|assistant|>\n"
    assert model.count_tokens(MESSAGES) == len(model._chat.encode(MESSAGES))


# --- adapters -------------------------------------------------------------------------------------------------------


def adapter_of(base: Path, folder: Path, trained: bool = True) -> Path:
    """A LoRA adapter; its B matrices are zero until it is trained."""
    torch.manual_seed(0)
    adapted = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base), LoraConfig(task_type=TaskType.CAUSAL_LM, r=4, lora_alpha=32)
    )
    if trained:
        for name, weights in adapted.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weights)
    adapted.save_pretrained(folder)
    return folder


def test_an_adapter_answers_as_peft_alone_does(tiny, tmp_path, model):
    adapter = adapter_of(tiny, tmp_path / "adapter")
    adapted = replies(load(f"{tiny}+{adapter}"))
    alone = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny), adapter)
    assert adapted == plainly(alone, AutoTokenizer.from_pretrained(tiny))
    assert adapted != replies(model)


def test_an_adapter_that_changes_nothing_is_refused(tiny, tmp_path):
    with pytest.raises(InputError, match="changes nothing: "):
        load(f"{tiny}+{adapter_of(tiny, tmp_path / 'adapter', trained=False)}")


def test_an_adapter_of_another_base_is_refused(tiny, tmp_path):
    other = make_tiny_model(tmp_path / "other", TEXTS, hidden_size=64)
    spec = f"{tiny}+{adapter_of(other, tmp_path / 'other_adapter')}"
    with pytest.raises(InputError, match=r"other_adapter was trained on .*other, not on .* --any-base"):
        make_chat(f"hf:{spec}", Options(), None)
    with pytest.raises(InputError, match="other_adapter cannot be put on "):
        load(spec, chat=make_chat(f"hf:{spec}", Options(any_base=True), None))


def test_an_adapter_of_another_base_of_the_same_shape_is_refused_and_any_base_lets_it_pass(tiny, tmp_path):
    other = make_tiny_model(tmp_path / "other", TEXTS, seed=1)
    spec = f"{tiny}+{adapter_of(other, tmp_path / 'other_adapter')}"
    with pytest.raises(InputError, match="was trained on "):
        make_chat(f"hf:{spec}", Options(), None)
    assert replies(load(spec, chat=make_chat(f"hf:{spec}", Options(any_base=True), None)))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", "/models/Llama-3.1-8B-Instruct/", True),
        ("unsloth/llama-3.1-8b-instruct-unsloth-bnb-4bit", "meta-llama/Llama-3.1-8B-Instruct", True),
        ("/c/hub/models--Qwen--Qwen3-8B/snapshots/0a1b", "Qwen/Qwen3-8B", True),
        ("/c/hub/models--gpt2/snapshots/0a1b", "gpt2", True),
        ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B-Base", False),
        ("Qwen/Qwen3-8B", "Qwen/Qwen3-4B", False),
        ("./runs/../runs/base", "runs/base", True),
    ],
)
def test_folders_and_ids_of_one_model_are_the_same(one, other, same):
    assert is_same_model(one, other) is same


def test_a_model_that_is_not_a_causal_one_is_told_how_to_be_served(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "t5", "architectures": None}))
    with pytest.raises(InputError, match=r"is of the kind t5, .*`vllm serve .*openai:"):
        load(folder)


def test_the_templates_end_of_turn_stops_a_reply(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|turn|>"]})
    tokenizer.chat_template = tokenizer.chat_template.replace("eos_token", "'<|turn|>'")
    tokenizer.save_pretrained(folder)
    end = tokenizer.convert_tokens_to_ids("<|turn|>")
    assert load(folder)._config.eos_token_id == sorted([EOS, end])


def test_an_adapter_that_is_a_learned_prompt_is_refused(tiny, tmp_path):
    settings = PromptTuningConfig(task_type=TaskType.CAUSAL_LM, num_virtual_tokens=2)
    get_peft_model(AutoModelForCausalLM.from_pretrained(tiny), settings).save_pretrained(tmp_path / "adapter")
    with pytest.raises(InputError, match="is a learned prompt"):
        load(f"{tiny}+{tmp_path / 'adapter'}")


def test_an_adapter_given_as_a_model_is_refused(tiny, tmp_path):
    adapter = adapter_of(tiny, tmp_path / "adapter")
    AutoTokenizer.from_pretrained(tiny).save_pretrained(adapter)
    with pytest.raises(InputError, match="is an adapter; name its base model before it"):
        load(adapter)


def test_an_adapters_own_chat_template_goes_before_the_models(folder, tmp_path):
    adapter = adapter_of(folder, tmp_path / "adapter")
    AutoTokenizer.from_pretrained(folder).save_pretrained(adapter)
    with_template(adapter, WITH_BOS)
    with_template(folder, None)
    assert ChatTokenizer(str(folder), str(adapter)).tokenizer.chat_template == WITH_BOS


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        ("org/model", ("org/model", None)),
        ("org/model+", ("org/model", None)),
        ("org/model+me/adapter", ("org/model", "me/adapter")),
        ("tests+fixtures", ("tests", "fixtures")),
    ],
)
def test_a_spec_names_a_model_and_perhaps_an_adapter(spec, parts):
    assert split_spec(spec) == parts


def test_a_folder_with_a_plus_in_its_name_is_a_model(tmp_path):
    (tmp_path / "a+b").mkdir()
    assert split_spec(str(tmp_path / "a+b")) == (str(tmp_path / "a+b"), None)


# --- what goes wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes."),
    ],
)
def test_when_memory_runs_out_the_batch_is_halved_and_all_are_answered(model, monkeypatch, error):
    expected, sizes, write = replies(model), [], hf_batch.generate_replies

    def write_three_at_most(loaded, prompts, *rest):
        sizes.append(len(prompts))
        if len(prompts) > 3:
            raise error
        return write(loaded, prompts, *rest)

    monkeypatch.setattr(hf_batch, "generate_replies", write_three_at_most)
    monkeypatch.setattr(model, "_batch_tokens", model._batch_tokens)  # set back afterwards
    assert replies(model) == expected
    assert sizes[:3] == [10, 5, 2]
    assert sum(size > 3 for size in sizes) <= 4  # prompts get shorter, and are tried together again


def test_a_prompt_that_is_too_large_alone_fails_and_the_others_go_on(model, monkeypatch):
    longest = max(model.count_tokens(one.messages) for one in PROMPTS)
    expected, write = replies(model), hf_batch.generate_replies

    def write_all_but_the_longest(loaded, prompts, *rest):
        if max(map(len, prompts)) == longest:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return write(loaded, prompts, *rest)

    monkeypatch.setattr(hf_batch, "generate_replies", write_all_but_the_longest)
    monkeypatch.setattr(model, "_batch_tokens", model._batch_tokens)
    answers = list(model.answer_all(PROMPTS))
    failed = [answer for answer in answers if answer.reply is None]
    assert [(answer.prompt_tokens, answer.error) for answer in failed] == [
        (longest, "memory ran out on this prompt alone.")
    ]
    answered = {answer.prompt.row_id: answer.reply for answer in answers if answer.reply is not None}
    assert len(answered) == len(PROMPTS) - 1 and answered.items() <= expected.items()


def test_other_errors_are_not_taken_for_a_lack_of_memory(model, monkeypatch):
    def fail(*arguments):
        raise RuntimeError("shape mismatch")

    monkeypatch.setattr(hf_batch, "generate_replies", fail)
    with pytest.raises(RuntimeError, match="shape mismatch"):
        replies(model)


def test_a_prompt_longer_than_the_model_takes_fails_and_the_others_go_on(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 150}))
    answers = list(load(folder).answer_all(PROMPTS))
    failed = [answer for answer in answers if answer.reply is None]
    assert failed and len(answers) == len(PROMPTS)
    assert failed[0].error == f"the prompt has {failed[0].prompt_tokens} tokens, and the model takes 150."
    assert {answer.prompt_tokens > 150 for answer in failed} == {True}
    assert all(answer.prompt_tokens <= 150 for answer in answers if answer.reply is not None)


def broken(folder: Path, change: str) -> Path:
    if change == "no template":
        with_template(folder, None)
    elif change == "no tokenizer":
        (folder / "tokenizer.json").unlink()
        (folder / "tokenizer_config.json").unlink()
    elif change == "no weights":
        (folder / "model.safetensors").unlink()
    elif change == "half the weights":
        weights = (folder / "model.safetensors").read_bytes()
        (folder / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    elif change == "unknown kind":
        (folder / "config.json").write_text('{"model_type": "nothing of the sort"}')
    elif change == "own code":
        config = json.loads((folder / "config.json").read_text())
        code = {"auto_map": {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"}, "model_type": "evil"}
        (folder / "config.json").write_text(json.dumps({**config, **code}))
        (folder / "evil.py").write_text("raise SystemExit('this code was run')")
    return folder


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("no template", "has no chat template, which marks the turns of a prompt"),
        ("no tokenizer", "model cannot be loaded: the folder holds no tokenizer"),
        ("no weights", "model cannot be loaded"),
        ("half the weights", "model cannot be loaded"),
        ("unknown kind", "model cannot be"),
        ("own code", "model cannot be"),
    ],
)
def test_a_folder_that_is_not_a_whole_model_is_refused_in_one_sentence(folder, change, message):
    with pytest.raises(InputError, match=message):
        load(broken(folder, change))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nobody/nothing", "it is not in the cache and the Hub cannot be reached"),
        ("no/such/folder", "there is no such folder here, and it is not an id on the Hub"),
        ("/nowhere", "there is no such folder here, and it is not an id on the Hub"),
    ],
)
def test_a_model_that_cannot_be_loaded_is_refused(name, reason):
    with pytest.raises(InputError, match=f"the model {name} cannot be loaded: {reason}"):
        load(name)


def test_an_adapter_that_cannot_be_loaded_is_refused(tiny, tmp_path):
    with pytest.raises(InputError, match=r"the adapter nobody/nothing cannot be put on .* \(offline mode is on"):
        load(f"{tiny}+nobody/nothing")
    with pytest.raises(InputError, match=r"the adapter .* cannot be put on .* \(Can't find 'adapter_config.json'"):
        load(f"{tiny}+{tmp_path}")


def test_the_message_about_a_missing_package_has_the_command_that_installs_it(tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "peft" else "there")
    with pytest.raises(InputError, match="hf: models need the package peft: pip install 'accelerate>=1' 'peft>="):
        load(tiny)


def test_each_of_several_processes_knows_its_rank():
    script = "from petoolkit.evaluator.models.processes import this_rank; print(f'{this_rank()}\\n', end='')"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "--no-python"]
    done = subprocess.run([*command, sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert sorted(line for line in done.stdout.splitlines() if line.startswith("Rank")) == [
        "Rank(index=0, count=2, local_index=0)",
        "Rank(index=1, count=2, local_index=1)",
    ], done.stderr
