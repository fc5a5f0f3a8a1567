"""Models that vLLM runs in this process (`vllm:MODEL[+ADAPTER]`)."""

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from petoolbench import InputError
from petoolkit.chunks import in_chunks
from petoolkit.decoding import read_json
from petoolkit.evaluator.models.chat_tokenizer import ChatTokenizer
from petoolkit.evaluator.models.model import Answer, Prompt, reply_seed, split_spec
from petoolkit.extras import install_command
from petoolkit.hub_reading import fetch_folder, first_sentence

_PROMPTS_PER_CALL = 256  # vLLM makes batches of them, and returns when all are answered
_LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # the ranks that vLLM can reserve memory for


def check_package(spec: str) -> None:
    """Check that vLLM can be imported.

    Raises:
        InputError: if it cannot; says how to serve the model elsewhere.
    """
    model, adapter = split_spec(spec)
    try:
        from vllm import LLM, SamplingParams  # noqa: F401 (they are loaded only when they are asked for)
        from vllm.lora.request import LoRARequest  # noqa: F401
    except ImportError as error:
        command = f"vllm serve {model}" + (f" --enable-lora --lora-modules tuned={adapter}" if adapter else "")
        raise InputError(
            f"vllm cannot be imported here ({first_sentence(error)}); {install_command('vllm')} where it runs, or "
            f"serve the model there (`{command}`) and evaluate --model openai:{'tuned' if adapter else model} "
            "with --base-url http://HOST:8000/v1."
        ) from None


class VllmModel:
    """A model that the package vllm runs, with the same prompts, token for token, as `hf:` models.

    Args:
        spec: `MODEL_OR_FOLDER[+ADAPTER]`: Hub ids or local folders; the adapter is a LoRA adapter of peft.
        temperature: 0 or more; 0 is greedy.
        max_new_tokens: most tokens of a reply.
        seed: random seed; each reply has its own seed, made from it.
        chat: tokenizer and chat template; by default, the model's own.

    Raises:
        InputError: if the package, the model, its chat template or the adapter is missing.
    """

    def __init__(
        self,
        spec: str,
        temperature: float,
        max_new_tokens: int,
        seed: int,
        chat: ChatTokenizer | None = None,
    ):
        check_package(spec)
        from vllm import LLM, SamplingParams
        from vllm.lora.request import LoRARequest

        model, adapter = split_spec(spec)
        self._chat = chat or ChatTokenizer(model, adapter)
        lora: dict[str, Any] = {}
        self._lora_request = None
        if adapter:
            folder = fetch_folder(adapter, "adapter")
            lora = {"enable_lora": True, "max_lora_rank": _reserved_rank(folder)}
            self._lora_request = LoRARequest("adapter", 1, str(folder))
        self._llm = LLM(model=model, seed=seed, **lora)
        self._sampling_params = SamplingParams
        self._temperature, self._max_new_tokens, self._seed = temperature, max_new_tokens, seed

    def count_tokens(self, messages: list[dict[str, str]], candidate_tools: Sequence[dict] = ()) -> int:
        """See `petoolkit.evaluator.models.model.Model`."""
        return len(self._chat.encode(messages, candidate_tools))

    def answer_all(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
        """See `petoolkit.evaluator.models.model.Model`; 256 answers come at a time.

        The `seconds` of an answer are those of its 256, divided by their number. A prompt that is longer than the
        model's context has no reply.
        """
        context = self._llm.llm_engine.model_config.max_model_len
        for part in in_chunks(prompts, _PROMPTS_PER_CALL):
            fitting = []
            for prompt in part:
                ids = self._chat.encode(prompt.messages, prompt.candidate_tools)
                if len(ids) < context:
                    fitting.append((prompt, ids))
                else:
                    error = f"the prompt has {len(ids)} tokens, and the model takes {context} with its reply."
                    yield Answer(prompt, None, error, len(ids))
            if fitting:
                yield from self._answer(fitting)

    def _answer(self, encoded: list[tuple[Prompt, list[int]]]) -> Iterator[Answer]:
        started = time.perf_counter()
        outputs = self._llm.generate(
            [{"prompt_token_ids": ids} for _, ids in encoded],
            [
                self._sampling_params(
                    temperature=self._temperature,
                    max_tokens=self._max_new_tokens,
                    seed=reply_seed(self._seed, prompt),
                    stop_token_ids=sorted(self._chat.end_token_ids),
                )
                for prompt, _ in encoded
            ],
            lora_request=self._lora_request,
            use_tqdm=False,
        )
        seconds = (time.perf_counter() - started) / len(encoded)
        for (prompt, ids), output in zip(encoded, outputs, strict=True):
            reply = output.outputs[0]
            text = self._chat.read(reply.token_ids, prompt.candidate_tools)
            # vLLM ends a reply at the model's context, too, so its own word counts.
            finish_reason = getattr(reply, "finish_reason", None)
            yield Answer(prompt, text, None, len(ids), len(reply.token_ids), seconds, finish_reason)


def _reserved_rank(folder: Path) -> int:
    """The smallest rank for which vLLM can reserve memory and which is not below the adapter's.

    The default of vLLM is too small for many adapters.
    """
    file = folder / "adapter_config.json"
    config = read_json(file)
    rank = config.get("r") if isinstance(config, dict) else None
    if not isinstance(rank, int) or rank > _LORA_RANKS[-1]:
        raise InputError(
            f"{file} is not about a LoRA adapter of a rank `r` up to {_LORA_RANKS[-1]}, and vLLM runs only these; try "
            "hf: instead of vllm:."
        )
    return next(reserved for reserved in _LORA_RANKS if reserved >= rank)
