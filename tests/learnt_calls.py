"""A model of a few thousand weights that writes calls: one of the two gold calls of its rows, and not which."""

from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from petoolkit.builder.dataset_folder import write_dataset
from rows import DATASET_FACTS, past_call, row
from tiny_model import make_tiny_model
from transformers import AutoModelForCausalLM

from petoolbench import SETTINGS, render_messages
from petoolkit.evaluator.chat_rows import gold_call
from petoolkit.evaluator.models.chat_tokenizer import ChatTokenizer

REPLY_TOKENS = 60
_LEARNING_STEPS = 60


def example(number: int, setting: str) -> dict:
    """Two users of a block prefer different tools."""
    provider = ("Aerwyn", "Cirrox")[number % 2]
    history = [past_call(provider, 1 if setting == "rating_integrated" else None)] * (2 + number // 2)
    return {**row(f"u{number}", setting, provider, history), "block_id": f"b{number // 2}"}


TRAIN = [example(number, setting) for number in range(6) for setting in SETTINGS]
TEST = [example(6, "chronological")]


def write_rows(folder: Path) -> Path:
    """Write the rows as a dataset; returns its folder."""
    write_dataset(folder, [("train", one) for one in TRAIN] + [("test", one) for one in TEST], lambda: DATASET_FACTS)
    return folder


def make_base(folder: Path) -> Path:
    """Write the model, all of whose weights have learnt two calls by heart; returns its folder."""
    texts = [message["content"] for each in TRAIN for message in render_messages(each)] * 2
    make_tiny_model(folder, texts + [gold_call(each) for each in TRAIN] * 20, 500, hidden_size=32)
    model, chat = AutoModelForCausalLM.from_pretrained(folder), ChatTokenizer(str(folder))
    optimizer = torch.optim.Adam(model.parameters(), 2e-2)
    pairs = [
        (chat.encode(render_messages(each)), gold_call(each)) for each in TRAIN if each["user_id"] in ("u0", "u1")
    ]
    for _ in range(_LEARNING_STEPS):
        for prompt, call in pairs[::3]:
            answer = chat.tokenizer(call + "</s>", add_special_tokens=False)["input_ids"]
            labels = [-100] * len(prompt) + answer
            model(torch.tensor([prompt + answer]), labels=torch.tensor([labels])).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    return folder


def make_adapter(base: Path, folder: Path) -> Path:
    """Write an adapter that changes the base a little, with a dropout that nothing must use; returns its folder."""
    torch.manual_seed(1)
    config = LoraConfig(r=4, target_modules="all-linear", lora_dropout=0.2)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.003)
    model.save_pretrained(folder)
    return folder
