"""What the training scripts can be told: the rows to train on, and TRL's options with defaults that fit such rows."""

from dataclasses import dataclass, field
from typing import Any

from transformers import TrainingArguments
from transformers.utils import is_torch_bf16_gpu_available
from trl import DPOConfig, ModelConfig, SFTConfig

from petoolbench import SETTINGS


@dataclass
class DataArguments:
    """Which rows, and what to do with those that are too long."""

    dataset_name: str = field(
        default="petoolbench", metadata={"help": "What to train on: a dataset's folder, or its id on the Hub."}
    )
    dataset_revision: str | None = field(
        default=None, metadata={"help": "Branch, tag or commit of a dataset on the Hub."}
    )
    settings: list[str] = field(
        default_factory=lambda: list(SETTINGS), metadata={"help": f"Any of {', '.join(SETTINGS)}; by default, all."}
    )
    max_samples: int | None = field(
        default=None, metadata={"help": "Train on no more rows than this, the settings mixed evenly; by default, all."}
    )
    validation_share: float = field(
        default=0.0,
        metadata={
            "help": "Share of the training users, 0 to under 1, whose rows are kept out for the evaluation loss."
        },
    )
    max_unfit_rows: int = field(
        default=0,
        metadata={"help": "How many rows may be left out for being longer than max_length even without history."},
    )


@dataclass
class AdapterArguments(ModelConfig):
    """TRL's `ModelConfig` with LoRA on, on all linear layers: what these scripts make is an adapter."""

    use_peft: bool = field(default=True, metadata={"help": "Always true: these scripts train LoRA adapters."})
    lora_target_modules: list[str] | None = field(
        default_factory=lambda: ["all-linear"], metadata={"help": "Layers that get an adapter."}
    )


def _max_length() -> Any:
    return field(
        default=4096,  # TRL's 1,024 would drop most rows
        metadata={"help": "The most tokens of a row, its call included; histories are shortened to fit."},
    )


def _takes_bf16(options: TrainingArguments) -> bool:
    """What `bf16` is where nobody set it; TRL's own default, true, is an error on a CPU."""
    return not options.fp16 and not options.use_cpu and is_torch_bf16_gpu_available()


@dataclass
class SFTArguments(SFTConfig):
    """TRL's `SFTConfig` for rows of about 3,000 tokens, in bfloat16 where there is a GPU that has it."""

    max_length: int | None = _max_length()
    score_answers_only: bool = field(
        default=True, metadata={"help": "Fast steps, where a check at the start finds them equal to TRL's plain ones."}
    )

    def __post_init__(self):
        if self.bf16 is None:
            self.bf16 = _takes_bf16(self)
        super().__post_init__()


@dataclass
class DPOArguments(DPOConfig):
    """TRL's `DPOConfig` for rows of about 3,000 tokens, in bfloat16 where there is a GPU that has it."""

    max_length: int | None = _max_length()
    share_prompt: bool = field(
        default=True,
        metadata={"help": "Read a prompt once for both answers, where a check at the start finds no difference."},
    )

    def __post_init__(self):
        if self.bf16 is None:
            self.bf16 = _takes_bf16(self)
        super().__post_init__()
