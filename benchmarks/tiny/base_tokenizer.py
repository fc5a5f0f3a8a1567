"""A tokenizer for the tiny base model: names, and sentences about traits, are one token each; other text is BPE.

A model of a million weights that is trained for minutes does not learn to read English. So much of the reading is
done for it: each sentence that says a trait of a provider is one token, as each name and each fixed phrase of the
prompt is. Which sentences mean the same, it has to learn.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from base_rows import PROVIDER_OPENINGS, QUESTIONS, full_name, spoken
from petoolkit.builder.catalogue.catalogue_files import EMBEDDED, documents_of
from petoolkit.builder.catalogue.catalogue_settings import CatalogueSettings
from petoolkit.builder.catalogue.tool_document import ToolDocument
from petoolkit.builder.traits import TRAITS
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from petoolbench import SETTINGS, render_messages
from petoolkit.evaluator.models.native_tools import NativeTools
from petoolkit.training.random_model import CHAT_TEMPLATE

_SPECIAL = ["<s>", "</s>", "<|system|>\n", "<|user|>\n", "<|assistant|>\n"]
_BLANK = re.compile(r"\{\w+\}")
_TYPES = ("STRING", "NUMBER", "BOOLEAN", "ENUM")
_SCHEMAS = ['{"type": "string"}', '{"type": "number"}', '{"type": "boolean"}', '{"description": "(enum)"}']
_PARAMETER_ENDS = [f', "type": "{kind}", "description": "", "default": null}}' for kind in _TYPES]
# Texts between the values of the prompt's JSON. A rating is one token with its surroundings.
_PIECES = [
    '", "required_parameters": [], "optional_parameters": []}\n',
    *(f'{end}], "optional_parameters": [{{"name": ' for end in _PARAMETER_ENDS),
    *(f'{end}], "optional_parameters": []}}\n' for end in _PARAMETER_ENDS),
    *(f'{end}, {{"name": ' for end in _PARAMETER_ENDS),
    *(f"{end}]}}\n" for end in _PARAMETER_ENDS),
    '", "required_parameters": [{"name": ',
    '", "required_parameters": [], "optional_parameters": [{"name": ',
    '{"instruction": "',
    '", "tool_name": "',
    '", "rating": 0, "tool_name": "',
    '", "rating": 1, "tool_name": "',
    '{"tool_name": "',
    '", "parameters": {}}',
    '", "parameters": {}}\n',
    '", "provider_description": "',
    '", "tool_description": "',
    '", "parameters": {',
    '"}',
    '"}}',
    "}}",
    '"}}\n',
    "}}\n",
    ': "',
    '", ',
    " true",
    " false",
    # Of native functions.
    '{"name": "',
    '", "description": "',
    '", "parameters": {"type": "object", "properties": {',
    *(f": {schema}{end}" for schema in _SCHEMAS for end in (", ", '}, "required": [', "}}}", "}}}\n")),
    "]}}\n",
    "]}}",
]


def catalogue() -> list[ToolDocument]:
    """The catalogue that ships."""
    return list(documents_of([CatalogueSettings(path=EMBEDDED)], Counter()))


def train_tokenizer(documents: Sequence[ToolDocument], row: dict, vocabulary: int) -> Any:
    """Train a tokenizer on the words of a catalogue.

    Args:
        documents: the catalogue.
        row: of the benchmark, for the prompt's fixed lines.
        vocabulary: number of tokens to learn, without names and fixed phrases.

    Returns:
        A `PreTrainedTokenizerFast` with a chat template.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        _texts(documents),
        trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=_SPECIAL,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    fixed = {*_fixed_lines(row), *_PIECES, *QUESTIONS, *_names(documents), *_sentences(documents)}
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in sorted(fixed)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>", chat_template=CHAT_TEMPLATE
    )


def _texts(documents: Iterable[ToolDocument]) -> Iterator[str]:
    """What the catalogue's tools do, how people ask for it, and values, each with and without a blank before."""
    texts: set[str] = set()
    for document in documents:
        texts |= {document.api_description or "", *document.requests}
        for parameter in (*document.required_parameters, *document.optional_parameters):
            texts |= {str(value) for value in parameter.examples}
            if isinstance(parameter.asks, str):
                texts.add(parameter.asks)
            elif parameter.asks:
                texts.update(parameter.asks.values())
    for text in sorted(texts):
        yield from (_BLANK.sub("", text), f" {_BLANK.sub('', text)}")


def _names(documents: Iterable[ToolDocument]) -> Iterator[str]:
    """Full names of tools and names of their functions, and names of parameters with the quotation marks around."""
    for document in documents:
        name = full_name(document)
        yield from (name, function_name(name))
        for parameter in (*document.required_parameters, *document.optional_parameters):
            yield f'"{parameter.name}"'


def function_name(tool_name: str) -> str:
    """The name of a tool's native function, where no other candidate has it."""
    bare = {"tool_name": tool_name, "required_parameters": [], "optional_parameters": []}
    return NativeTools([bare]).short_names(tool_name)[0]


def _sentences(documents: Iterable[ToolDocument]) -> Iterator[str]:
    """Sentences of descriptions that are written for assigned traits: a provider's opening, and what says a trait."""
    for category in {document.category for document in documents}:
        yield from (f"{opening.format(spoken(category))} " for opening in PROVIDER_OPENINGS)
    for trait in TRAITS.values():
        yield from trait.wordings


def _fixed_lines(row: dict) -> list[str]:
    """Lines of the prompt that all rows of a setting have."""
    bare = {**row, "history": [], "candidate_tools": []}
    prompts = [
        render_messages({**bare, "id": f"{row['user_id']}/{setting}"}, native_tools=native)[0]["content"]
        for setting in SETTINGS
        for native in (False, True)
    ]
    return sorted({line for prompt in prompts for line in prompt.split("\n") if line})
