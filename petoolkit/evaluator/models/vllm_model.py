"""Models that vLLM runs in this process (`vllm:MODEL[+ADAPTER]`)."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from petoolbench import InputError
from petoolkit.evaluator.models.chat_tokenizer import ChatTokenizer, reply_seed, split_spec, why
from petoolkit.evaluator.models.model import Answer, Prompt
from petoolkit.extras import install_command
from petoolkit.files import read_json

_AT_ONCE = 256  # prompts handed over together: vLLM batches them by itself, and gives their replies when all are done
_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # what vLLM can reserve for an adapter


class VllmModel:
    """A model run by the package vllm, with the same prompts, token for token, as `hf:` gives.

    Args:
        spec: `MODEL_OR_FOLDER[+ADAPTER]`: Hub ids or local folders; the adapter a LoRA of peft's.
        temperature: 0 or more; 0 is greedy.
        max_new_tokens: the longest reply.
        seed: for what is drawn; each reply has a seed of its own.

    Raises:
        InputError: if the package, the model, its chat template or the adapter is missing.
    """

    def __init__(self, spec: str, temperature: float, max_new_tokens: int, seed: int):
        model, adapter = split_spec(spec)
        try:
            from vllm import LLM, SamplingParams
            from vllm.lora.request import LoRARequest
        except ImportError as error:
            served = f"vllm serve {model}" + (f" --enable-lora --lora-modules tuned={adapter}" if adapter else "")
            raise InputError(
                f"vllm cannot be imported here ({why(error)}); {install_command('vllm')} where it runs, or "
                f"serve the model there (`{served}`) and evaluate --model openai:{'tuned' if adapter else model} "
                "with --base-url http://HOST:8000/v1."
            ) from None
        self._chat = ChatTokenizer(model, adapter)
        lora: dict[str, Any] = {}
        self._lora_request = None
        if adapter:
            folder = _adapter_folder(adapter)
            lora = {"enable_lora": True, "max_lora_rank": _reserved_rank(folder)}
            self._lora_request = LoRARequest("adapter", 1, str(folder))
        self._llm = LLM(model=model, seed=seed, **lora)
        self._sampling_params = SamplingParams
        self._temperature, self._max_new_tokens, self._seed = temperature, max_new_tokens, seed

    def count_tokens(self, messages: list[dict[str, str]]) -> int:
        """See `petoolkit.evaluator.models.model.Model`."""
        return len(self._chat.encode(messages))

    def answer_all(self, prompts: list[Prompt]) -> Iterator[Answer]:
        """See `petoolkit.evaluator.models.model.Model`; answers come 256 at a time, and their `seconds` are that time divided by them.

        A prompt that is longer than the model takes has no reply.
        """
        context = self._llm.llm_engine.model_config.max_model_len
        for start in range(0, len(prompts), _AT_ONCE):
            asked = []
            for prompt in prompts[start : start + _AT_ONCE]:
                ids = self._chat.encode(prompt.messages)
                if len(ids) < context:
                    asked.append((prompt, ids))
                else:
                    error = f"the prompt has {len(ids)} tokens, and the model takes {context} with its reply."
                    yield Answer(prompt, None, error, len(ids))
            if asked:
                yield from self._answer(asked)

    def _answer(self, asked: list[tuple[Prompt, list[int]]]) -> Iterator[Answer]:
        started = time.perf_counter()
        outputs = self._llm.generate(
            [{"prompt_token_ids": ids} for _, ids in asked],
            [
                self._sampling_params(
                    temperature=self._temperature,
                    max_tokens=self._max_new_tokens,
                    seed=reply_seed(self._seed, prompt),
                )
                for prompt, _ in asked
            ],
            lora_request=self._lora_request,
            use_tqdm=False,
        )
        seconds = (time.perf_counter() - started) / len(asked)
        for (prompt, ids), output in zip(asked, outputs, strict=True):
            reply = output.outputs[0]
            yield Answer(prompt, reply.text, None, len(ids), len(reply.token_ids), seconds)


def _adapter_folder(adapter: str) -> Path:
    if Path(adapter).is_dir():
        return Path(adapter)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(adapter))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError):
        raise InputError(
            f"the adapter {adapter} cannot be had: no such folder here, and none from the Hub; check the name."
        ) from None


def _reserved_rank(folder: Path) -> int:
    """The smallest rank that vLLM can reserve and the adapter fits in; its own default is too small for many."""
    file = folder / "adapter_config.json"
    config = read_json(file)
    rank = config.get("r") if isinstance(config, dict) else None
    if not isinstance(rank, int) or rank > _RANKS[-1]:
        raise InputError(f"{file}: no LoRA of rank `r` up to {_RANKS[-1]}; vLLM runs no other adapter, hf: may.")
    return next(reserved for reserved in _RANKS if reserved >= rank)
