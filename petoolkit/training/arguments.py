"""Options of the training scripts: which rows to train on, and TRL's options with defaults for rows of this length."""

from dataclasses import dataclass, field
from typing import Any

from transformers import TrainingArguments
from transformers.utils import is_torch_bf16_gpu_available

from petoolbench import all_configs
from petoolkit.decoding import decode_json
from petoolkit.evaluator.history_methods.method_table import FULL
from petoolkit.evaluator.models.trained_chat import TEXT
from petoolkit.extras import missing_package
from petoolkit.text import ALL
from petoolkit.training.training_history import training_methods

try:  # here, since all training scripts import this module before others that need trl
    from trl import DPOConfig, GRPOConfig, ModelConfig, SFTConfig, get_peft_config, get_quantization_config
except ModuleNotFoundError:
    raise SystemExit(f"Error: {missing_package('training needs', 'trl', 'train')}") from None

REFERENCES = ("sft", "base")  # what DPO compares with
_TEMPLATE_ARGS = {"help": 'Variables of the chat template, as {"enable_thinking": false}; recorded with an adapter.'}


def _dataset_revision() -> Any:
    return field(default=None, metadata={"help": "Branch, tag or commit of a dataset on the Hub."})


def _format() -> Any:
    return field(
        default=TEXT, metadata={"help": "text: tools and calls stand in the text; tools: they are native functions."}
    )


def _any_base() -> Any:
    return field(
        default=False, metadata={"help": "Whether to take an adapter that was trained on another base model."}
    )


def _variables(given: Any) -> dict[str, Any] | None:
    """Variables of a chat template: an object of a recipe, or JSON text of the command line."""
    if given is None:
        return None
    try:
        variables = decode_json(given) if isinstance(given, str) else given
    except ValueError:
        variables = None
    if not isinstance(variables, dict) or not all(isinstance(name, str) for name in variables):
        raise ValueError(f'chat_template_args is {given!r}; give a JSON object, such as {{"enable_thinking": false}}.')
    return variables


def _eval_tool_acc_steps() -> Any:
    return field(
        default=None,
        metadata={
            "help": "Steps between two evaluations of calls for held-out rows: Tool Acc, pairs; by default, none."
        },
    )


def _eval_tool_acc_rows() -> Any:
    return field(default=64, metadata={"help": "The most held-out rows to ask calls for, in whole blocks."})


def _sft_adapter(without_it: str) -> Any:
    return field(
        default=None, metadata={"help": f"Adapter of trainer/sft.py to train further; without it, {without_it}."}
    )


def _share_prompt(answers: str) -> Any:
    return field(
        default=True,
        metadata={"help": f"Read a prompt once for {answers}, where a check at the start finds no difference."},
    )


def _max_unfit_rows() -> Any:
    return field(
        default=0,
        metadata={"help": "How many rows may be left out because they are too long even without history."},
    )


def _max_length() -> Any:
    return field(
        default=4096,  # TRL's 1,024 would drop most rows
        metadata={"help": "The most tokens of a row, its call included; histories are shortened to fit."},
    )


@dataclass
class DataArguments:
    """Rows of a benchmark to train on, and what happens to those that are too long."""

    dataset_name: str = field(
        default="petoolbench", metadata={"help": "What to train on: a dataset's folder, or its id on the Hub."}
    )
    dataset_revision: str | None = _dataset_revision()
    settings: list[str] = field(
        default_factory=lambda: [ALL],
        metadata={"help": f"Any of {', '.join(all_configs())}; by default, all that the dataset has."},
    )
    history: str = field(
        default=FULL,
        metadata={"help": f"What prompts show of the past calls: {', '.join(training_methods())}."},
    )
    max_samples: int | None = field(
        default=None, metadata={"help": "Train on at most this many rows, the settings mixed evenly; by default, all."}
    )
    validation_share: float = field(
        default=0.0,
        metadata={
            "help": "Share of the training users (in whole blocks), 0 to under 1, kept out for the evaluation loss."
        },
    )
    max_unfit_rows: int = _max_unfit_rows()


@dataclass
class PairArguments(DataArguments):
    """Rows to sample calls for, the model to sample from, and how it is asked."""

    model: str = field(
        default="",
        metadata={"help": "The model to sample from: hf:MODEL[+ADAPTER], vllm:MODEL[+ADAPTER], openai:NAME."},
    )
    base_url: str | None = field(default=None, metadata={"help": "Address of the endpoint of an openai: model."})
    concurrency: int = field(default=32, metadata={"help": "Requests in flight at the endpoint."})
    chat_template: str | None = field(
        default=None, metadata={"help": "File with a chat template, taken instead of that of an hf: or vllm: model."}
    )
    chat_template_args: dict[str, Any] | str | None = field(default=None, metadata=_TEMPLATE_ARGS)
    any_base: bool = _any_base()
    format: str = _format()
    samples: int = field(default=8, metadata={"help": "How many calls are sampled for each row."})
    temperature: float = field(default=1.0, metadata={"help": "Sampling temperature, above 0."})
    window: int = field(default=4000, metadata={"help": "The most tokens of a prompt; histories are shortened."})
    max_new_tokens: int = field(default=256, metadata={"help": "The most tokens of a reply."})
    seed: int = field(
        default=42,
        metadata={"help": "Seed of everything random. With the SFT run's seed, the same users are kept out."},
    )
    output_dir: str = field(
        default="runs/pairs", metadata={"help": "Folder for the replies and the dataset made of them."}
    )

    def __post_init__(self):
        self.chat_template_args = _variables(self.chat_template_args)


@dataclass
class PreferenceArguments:
    """Preference pairs to train on, the model that DPO starts from, and its reference."""

    dataset_name: str = field(
        default="runs/pairs", metadata={"help": "Preference pairs: a folder of trainer/pairs.py, or an id on the Hub."}
    )
    dataset_revision: str | None = _dataset_revision()
    max_unfit_rows: int = _max_unfit_rows()
    sft_adapter: str | None = _sft_adapter("DPO trains a new adapter")
    any_base: bool = _any_base()
    reference: str = field(
        default="sft",
        metadata={"help": "sft: the model before DPO, as in the paper; base: without adapter, as in its repository."},
    )

    @property
    def starts_at_reference(self) -> bool:
        """Whether the model before DPO is the reference. If so, the first step's loss is ln 2."""
        return (self.reference == "sft") == (self.sft_adapter is not None)


@dataclass
class PolicyArguments(DataArguments):
    """Rows to sample replies to, and the adapter that GRPO starts from."""

    sft_adapter: str | None = _sft_adapter("GRPO trains a new adapter")
    any_base: bool = _any_base()


@dataclass
class AdapterArguments(ModelConfig):
    """TRL's `ModelConfig` with LoRA switched on for all linear layers, since these scripts train adapters."""

    model_name_or_path: str = field(
        default="", metadata={"help": "The model to train: a folder, or its id on the Hub."}
    )
    chat_template: str | None = field(
        default=None, metadata={"help": "File with a chat template, taken instead of the model's."}
    )
    chat_template_args: dict[str, Any] | str | None = field(default=None, metadata=_TEMPLATE_ARGS)
    format: str = _format()
    use_peft: bool = field(default=True, metadata={"help": "Always true: these scripts train LoRA adapters."})
    lora_target_modules: list[str] | None = field(
        default_factory=lambda: ["all-linear"], metadata={"help": "Layers that get an adapter."}
    )

    def __post_init__(self):
        super().__post_init__()
        self.chat_template_args = _variables(self.chat_template_args)

    def peft_config(self) -> Any:
        """The adapter as PEFT describes it."""
        return get_peft_config(self)

    def quantization_config(self) -> Any:
        """How the base model is quantized; `None` if it is not."""
        return get_quantization_config(self)


def _default_bf16(options: TrainingArguments) -> bool:
    """The value of `bf16` where it is not set. TRL's own default, true, is an error on a CPU."""
    return not options.fp16 and not options.use_cpu and is_torch_bf16_gpu_available()


@dataclass
class SFTArguments(SFTConfig):
    """TRL's `SFTConfig` for rows of about 3,000 tokens, in bfloat16 on GPUs that support it."""

    max_length: int = _max_length()
    eval_tool_acc_steps: int | None = _eval_tool_acc_steps()
    eval_tool_acc_rows: int = _eval_tool_acc_rows()
    score_answers_only: bool = field(
        default=True, metadata={"help": "Fast steps, where a check at the start finds them equal to TRL's plain ones."}
    )

    def __post_init__(self):
        if self.bf16 is None:
            self.bf16 = _default_bf16(self)
        super().__post_init__()


@dataclass
class DPOArguments(DPOConfig):
    """TRL's `DPOConfig` for rows of about 3,000 tokens, in bfloat16 on GPUs that support it."""

    max_length: int = _max_length()
    eval_tool_acc_steps: int | None = _eval_tool_acc_steps()
    eval_tool_acc_rows: int = _eval_tool_acc_rows()
    share_prompt: bool = _share_prompt("both answers")

    def __post_init__(self):
        if self.bf16 is None:
            self.bf16 = _default_bf16(self)
        super().__post_init__()


@dataclass
class GRPOArguments(GRPOConfig):
    """TRL's `GRPOConfig` for rows of about 3,000 tokens, in bfloat16 on GPUs that support it, without dropout."""

    max_length: int = field(
        default=4096,
        metadata={"help": "The most tokens of a row with its gold call, as in SFT; histories are shortened to fit."},
    )
    max_completion_length: int = field(default=256, metadata={"help": "The most tokens of a sampled reply."})
    disable_dropout: bool = field(
        default=True, metadata={"help": "Without dropout, replies are scored by the model that they are sampled from."}
    )
    eval_tool_acc_steps: int | None = _eval_tool_acc_steps()
    eval_tool_acc_rows: int = _eval_tool_acc_rows()
    share_prompt: bool = _share_prompt("all replies sampled from it")

    def __post_init__(self):
        if self.bf16 is None:
            self.bf16 = _default_bf16(self)
        try:
            super().__post_init__()
        except ValueError as error:
            if "divisible" not in str(error):
                raise
            raise ValueError(
                f"{error} Change num_generations, per_device_train_batch_size or per_device_eval_batch_size; a batch "
                "of replies is one process's, times gradient_accumulation_steps and processes."
            ) from None
