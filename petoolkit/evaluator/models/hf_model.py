"""Models of transformers in this process (`hf:MODEL_OR_FOLDER[+ADAPTER]`), which answer in batches."""

import importlib.util
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from petoolkit.chunks import in_chunks
from petoolkit.evaluator.models.chat_tokenizer import ChatTokenizer
from petoolkit.evaluator.models.model import Answer, Prompt, finish_reason_of, reply_seed, split_spec
from petoolkit.extras import missing_package

# Tokens in a batch, replies included: 8 GB of keys and values for an 8B model of the Llama 3 family in bfloat16.
_BATCH_TOKENS = 65_536
_PROMPTS_IN_MEMORY = 4_096


def check_packages() -> None:
    """Check that the packages of `hf:` models are installed.

    Raises:
        InputError: if one is missing.
    """
    for package in ("accelerate", "peft"):
        if importlib.util.find_spec(package) is None:
            raise missing_package("hf: models need", package, "hf")


class HfModel:
    """A causal language model of transformers, on this machine's GPUs or CPU.

    Greedy replies (temperature 0) depend on the prompt only; sampled ones on the prompt, its row, its repeat and the
    seed. The batch changes replies only through rounding, so a run that was stopped continues with the same replies.

    Args:
        spec: `MODEL_OR_FOLDER[+ADAPTER]`: Hub ids or local folders.
        temperature: 0 or more; 0 is greedy.
        max_new_tokens: most tokens of a reply.
        seed: random seed.
        batch_tokens: most tokens in a batch, replies included; halved when memory runs out.
        chat: tokenizer and chat template; by default, the model's own.

    Raises:
        InputError: if the model, its chat template, the adapter or a package is missing or cannot be used.
    """

    def __init__(
        self,
        spec: str,
        temperature: float,
        max_new_tokens: int,
        seed: int,
        batch_tokens: int = _BATCH_TOKENS,
        chat: ChatTokenizer | None = None,
    ):
        check_packages()
        from transformers import GenerationConfig

        from petoolkit.evaluator.models.hf_load import load_model

        name, adapter = split_spec(spec)
        self._chat = chat or ChatTokenizer(name, adapter)
        self._model = load_model(name, adapter, self._chat.encode([{"role": "user", "content": "Which tool?"}]))
        self._temperature, self._seed, self._batch_tokens = temperature, seed, batch_tokens
        tokenizer = self._chat.tokenizer
        own_ends = self._model.generation_config.eos_token_id
        ends = {*self._chat.end_token_ids, *(own_ends if isinstance(own_ends, list) else [own_ends])} - {None}
        # Replaces the model's own configuration, whose penalties and top-k or top-p would change the scores unnoticed.
        self._config = self._model.generation_config = GenerationConfig(
            do_sample=False,  # `generate_replies` samples
            max_new_tokens=max_new_tokens,
            eos_token_id=sorted(ends),
            pad_token_id=min(ends, default=0) if tokenizer.pad_token_id is None else tokenizer.pad_token_id,
        )

    def count_tokens(self, messages: list[dict[str, str]], candidate_tools: Sequence[dict] = ()) -> int:
        """See `petoolkit.evaluator.models.model.Model`."""
        return len(self._chat.encode(messages, candidate_tools))

    def answer_all(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
        """See `petoolkit.evaluator.models.model.Model`.

        Of some thousand prompts, the longest come first, so that errors appear early and a batch has prompts of like
        length. The `seconds` of an answer are those of its batch, divided by the number of answers. A prompt that does
        not fit into the model or, even alone, into the memory has no reply.
        """
        for part in in_chunks(prompts, _PROMPTS_IN_MEMORY):
            yield from self._answer_part(part)

    def _answer_part(self, prompts: list[Prompt]) -> Iterator[Answer]:
        lengths = [(prompt, self.count_tokens(prompt.messages, prompt.candidate_tools)) for prompt in prompts]
        # The repeats of a row are neighbours, so that a batch reads their prompt once.
        waiting = deque(sorted(lengths, key=lambda item: (-item[1], item[0].row_id)))
        context = getattr(self._model.config.get_text_config(), "max_position_embeddings", None)
        while waiting and context is not None and waiting[0][1] > context:
            prompt, length = waiting.popleft()
            error = f"the prompt has {length} tokens, and the model takes {context}."
            yield Answer(prompt, None, error, length)
        while waiting:
            prompt, length = waiting[0]
            tokens_each = length + self._config.max_new_tokens
            size = min(len(waiting), max(1, self._batch_tokens // tokens_each))
            batch = [waiting.popleft() for _ in range(size)]
            answers = self._answer_batch([prompt for prompt, _ in batch])
            if answers is not None:
                yield from answers
            elif size == 1:
                yield Answer(prompt, None, "memory ran out on this prompt alone.", length)
            else:
                self._batch_tokens = size * tokens_each // 2
                waiting.extendleft(reversed(batch))

    def _answer_batch(self, batch: list[Prompt]) -> list[Answer] | None:
        """Answers to a batch; `None` if memory ran out."""
        from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size

        from petoolkit.evaluator.models.hf_batch import generate_replies

        started = time.perf_counter()
        ids = [self._chat.encode(prompt.messages, prompt.candidate_tools) for prompt in batch]
        seeds = [reply_seed(self._seed, prompt) for prompt in batch]
        try:
            new_tokens = generate_replies(self._model, ids, seeds, self._temperature, self._config)
        except RuntimeError as error:
            if not should_reduce_batch_size(error):
                raise
            new_tokens = None
        if new_tokens is None:  # outside of `except`, where the error would still hold the batch's memory
            clear_device_cache(garbage_collection=True)
            return None
        seconds = (time.perf_counter() - started) / len(batch)
        return [
            Answer(
                prompt,
                self._chat.read(reply_ids, prompt.candidate_tools),
                None,
                len(prompt_ids),
                len(reply_ids),
                seconds,
                finish_reason_of(reply_ids, self._config.eos_token_id, self._config.max_new_tokens),
            )
            for prompt, prompt_ids, reply_ids in zip(batch, ids, new_tokens, strict=True)
        ]
