"""The quick start's training: a base model of random weights, and which of its stages are made."""

from pathlib import Path

import pytest
import torch
from folder_holder import held
from petoolkit.builder.dataset_folder import write_dataset
from rows import DATASET_FACTS, past_call, row
from transformers import AutoModelForCausalLM, AutoTokenizer

from petoolbench import SETTINGS, InputError, render_messages
from petoolkit.training import tiny_run
from petoolkit.training.training_chat import TrainingChat
from trainer import dpo

ROWS = [row(f"u{number}", setting, "Aerwyn", [past_call("Aerwyn")]) for number in range(3) for setting in SETTINGS]
BASE = Path("runs/tiny/base")


@pytest.fixture
def stages(tmp_path, monkeypatch) -> list[str]:
    """The stages whose scripts are run; each leaves the file that says that it has ended."""
    monkeypatch.chdir(tmp_path)
    run = []

    def run_script(stage: str) -> None:
        run.append(stage)
        Path(f"runs/tiny/{stage}").mkdir(parents=True)
        Path(f"runs/tiny/{stage}/README.md").touch()

    monkeypatch.setattr(tiny_run, "_run_script", run_script)
    return run


def test_what_is_missing_is_made_and_what_is_there_is_taken(stages, capsys):
    write_dataset(Path("petoolbench"), [("train", each) for each in ROWS], lambda: DATASET_FACTS)
    Path("runs/tiny/sft").mkdir(parents=True)
    Path("runs/tiny/sft/half").touch()  # of a run that was stopped
    words = tiny_run.prepare_tiny_run()
    assert stages == ["sft", "pairs"]
    assert not Path("runs/tiny/sft/half").exists()
    first = capsys.readouterr().out
    assert first.index("base is missing") < first.index("sft is missing") < first.index("pairs is missing")
    weights = (BASE / "model.safetensors").read_bytes()
    tiny_run.prepare_tiny_run()
    assert stages == ["sft", "pairs"]
    assert (BASE / "model.safetensors").read_bytes() == weights
    assert capsys.readouterr().out.count("as it is.") == 3
    data, training, adapter = dpo.make_parser().parse_args_and_config(words)
    made = (adapter.model_name_or_path, data.sft_adapter, data.dataset_name)
    assert made == ("runs/tiny/base", "runs/tiny/sft", "runs/tiny/pairs")
    assert training.save_strategy == "no"


def test_the_base_model_reads_whole_prompts_and_its_turns_end(stages):
    write_dataset(Path("petoolbench"), [("train", each) for each in ROWS], lambda: DATASET_FACTS)
    tiny_run.prepare_tiny_run()
    tokenizer, model = AutoTokenizer.from_pretrained(BASE), AutoModelForCausalLM.from_pretrained(BASE)
    chat = TrainingChat(str(BASE))
    ids = chat.encode(render_messages(ROWS[0]))
    assert tokenizer.decode(ids).endswith("<|assistant|>\n")
    assert ROWS[0]["instruction"] in tokenizer.decode(ids)
    assert chat.encode_answer("{}")[-1] == model.config.eos_token_id == tokenizer.convert_tokens_to_ids("</s>")
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits
    assert logits.shape == (1, len(ids), len(tokenizer))
    assert logits.isfinite().all()


def test_without_a_dataset_nothing_is_made(stages):
    with pytest.raises(InputError, match="no dataset folder petoolbench/ here; run `petoolbench quickstart` first"):
        tiny_run.prepare_tiny_run()
    assert not Path("runs").exists()
    assert stages == []


def test_what_another_process_is_making_is_left_to_it(stages):
    write_dataset(Path("petoolbench"), [("train", each) for each in ROWS], lambda: DATASET_FACTS)
    with held(Path("runs/tiny").absolute()), pytest.raises(InputError, match="runs/tiny/ is being written by process"):
        tiny_run.prepare_tiny_run()
    Path("runs/tiny/sft").mkdir(parents=True)
    Path("runs/tiny/sft/half").touch()
    with held(Path("runs/tiny/sft").absolute()), pytest.raises(InputError, match="sft/ is being written by process"):
        tiny_run.prepare_tiny_run()
    assert Path("runs/tiny/sft/half").exists()
    assert stages == []
