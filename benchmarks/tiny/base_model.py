"""The base model before its training: a Llama of random weights, some of whose heads copy and look up from the start.

A pretrained model has learnt from trillions of tokens to continue what stood before ("induction heads", Olsson et al.,
2022) and to find a thing by what is said of it. From random weights that would take most of the training, or never
begin. So some heads begin with it:

| layer | head | reads |
| --- | --- | --- |
| 1 | 1, 2, 4 | the tokens 1, 2 and 4 before |
| 1 | 3 | the nearest name of a tool before: in whose line of the prompt a token is |
| 2 | 1, 2 | what followed the same 1 or 2 tokens |
| 2, 3 | 4 | the name in whose line the same token stands as 4 before, where a question ends |

All other weights of a layer begin small, so that the states of later layers are still mostly those of the tokens.
"""

import re
from typing import Any

import torch
from base_tokenizer import function_name
from transformers import LlamaConfig, LlamaForCausalLM

_ROPE_THETA = 500_000.0
_BACK = {0: 1, 1: 2, 3: 4}  # heads of the first layer, and how many tokens before they look
_QUESTION_END_HEAD = 3  # 4 before the answer stands what a question ends with, and 4 before a sentence its rating
_NAME_HEAD, _LOOKUP_HEAD = 2, 3
_COPYING_HEADS = 0, 1  # of the second layer
_LOOKUP_LAYERS = 1, 2

_SPREAD = 0.5  # of the embeddings; the final norm makes the logits' spread that of embeddings of 0.05
_LOGIT_SPREAD = 0.05
_MORE_OF_FUNCTIONS = 2.0  # of the part that names have in common
_WRITTEN = 0.5  # what the first layer writes beside the token
_COPIED = 1.0
_LOOKED_UP = 3.0
_GAIN = 3.0  # of queries and of keys that compare tokens
_SMALL = 0.05  # of what other heads and the feed-forward layers write

_POSITION_STRENGTH = 5.0
_POSITION_FREQUENCY = 0.05  # radians a token; slower rotations hardly tell neighbours apart
_NAME_FREQUENCIES = 0.015, 0.1  # for lines of some 30 tokens
_TOKEN_FREQUENCY = 0.004  # faster rotations would hide that tokens far apart are the same

_NAME = re.compile(r"<[^|>]+>\.<.*>")
_BLANK = "\N{LATIN CAPITAL LETTER G WITH DOT ABOVE}"  # as byte-level BPE writes it


def make_model(tokenizer: Any, hidden_size: int, layers: int, heads: int, calls_functions: bool = False) -> Any:
    """A `LlamaForCausalLM` that begins as this module says.

    Args:
        tokenizer: of the model.
        hidden_size: of its states.
        layers: number of them, at least 3.
        heads: number of a layer's attention heads, at least 4.
        calls_functions: whether tools are called as native functions, whose names a head then finds first.
    """
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=hidden_size,
            intermediate_size=2 * hidden_size,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            num_key_value_heads=heads,
            attention_bias=True,
            # Slow rotations: most dimensions of a head compare tokens, few of them positions.
            rope_parameters={"rope_type": "default", "rope_theta": _ROPE_THETA},
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    embeddings = model.model.embed_tokens.weight
    attentions = [layer.self_attn for layer in model.model.layers]
    with torch.no_grad():
        torch.nn.init.normal_(embeddings, std=_SPREAD)
        model.model.norm.weight.fill_(_LOGIT_SPREAD / _SPREAD)
        _begin_alike(embeddings, tokenizer)
        common = _begin_with_common_part(embeddings, tokenizer, calls_functions)
        for layer in model.model.layers:
            layer.mlp.down_proj.weight *= _SMALL
            _begin_by_likeness(layer.self_attn)
        read = torch.nn.init.orthogonal_(torch.empty(attentions[0].head_dim, hidden_size))
        written = _begin_looking_back(attentions[0], read, common)
        _begin_copying(attentions[1], read, written)
        for number in _LOOKUP_LAYERS:
            _begin_looking_up(attentions[number], read, written)
    return model


def _begin_alike(embeddings: torch.Tensor, tokenizer: Any) -> None:
    """Let what is copied begin alike in both its forms, apart from one vector for the form.

    A value stands after a blank in the request, and after a quotation mark in the call. A tool has its full name, and
    the name of its native function.
    """
    numbers = tokenizer.get_vocab()
    blank, function = torch.randn(2, embeddings.shape[1]) * embeddings.std() / 2
    for token, number in numbers.items():
        if token.startswith(_BLANK) and token[1:] in numbers:
            embeddings[number] = embeddings[numbers[token[1:]]] + blank
        if _NAME.fullmatch(token) and (other := function_name(token)) in numbers:
            embeddings[numbers[other]] = embeddings[number] + function


def _begin_with_common_part(embeddings: torch.Tensor, tokenizer: Any, calls_functions: bool) -> torch.Tensor:
    """Let the names of tools begin with a part in common, a (hidden size,) direction by which a head finds them.

    Where functions are called, their names have more of it: a function's description begins with the full name.
    """
    numbers = tokenizer.get_vocab()
    names = [token for token in numbers if _NAME.fullmatch(token)]
    common = torch.nn.functional.normalize(torch.randn(embeddings.shape[1]), dim=0)
    length = embeddings.norm(dim=1).mean()
    embeddings[[numbers[name] for name in names]] += common * length
    if calls_functions:
        functions = [numbers[other] for other in map(function_name, names) if other in numbers]
        embeddings[functions] += common * length * _MORE_OF_FUNCTIONS
    return common


def _begin_by_likeness(attention: Any) -> None:
    """Let a token attend to tokens like it, and write a little of what it reads (after Trockman and Kolter, 2023,
    "Mimetic initialization of self-attention layers")."""
    torch.nn.init.orthogonal_(attention.q_proj.weight)
    attention.k_proj.weight.copy_(attention.q_proj.weight)
    torch.nn.init.orthogonal_(attention.v_proj.weight)
    attention.o_proj.weight.copy_(attention.v_proj.weight.T * _SMALL)


def _begin_looking_back(attention: Any, read: torch.Tensor, common: torch.Tensor) -> list[torch.Tensor]:
    """Let the first layer's heads read earlier tokens, and write each beside the token.

    Args:
        attention: of the first layer.
        read: (head's width, hidden size); what a head reads of a token.
        common: the direction that all names have in common.

    Returns:
        For each of the four heads, the (head's width, hidden size) that reads again what it wrote.
    """
    width, hidden = read.shape
    ways = torch.nn.init.orthogonal_(torch.empty(hidden, hidden))
    written = list(ways[: 4 * width].split(width))
    frequencies = _frequencies(width)
    for head in (*_BACK, _NAME_HEAD):
        rows = _rows(head, width)
        attention.q_proj.weight[rows] *= 0.05  # positions decide almost alone
        attention.k_proj.weight[rows] *= 0.05
        attention.v_proj.weight[rows] = read
        attention.o_proj.weight[:, rows] = written[head].T * _WRITTEN
        if head == _NAME_HEAD:
            slowest, fastest = _NAME_FREQUENCIES
            sought = torch.zeros(width)
            # The nearest name scores highest, since positions turn the common part slowly.
            sought[: width // 2] = _POSITION_STRENGTH * ((frequencies > slowest) & (frequencies < fastest))
            attention.q_proj.bias[rows] = sought
            length = (hidden / 2) ** 0.5  # of a normalized name along `common`
            attention.k_proj.weight[rows] += torch.outer(sought, common) / length
        else:
            attention.q_proj.bias[rows], attention.k_proj.bias[rows] = _biases(_BACK[head], width)
    return written


def _begin_copying(attention: Any, read: torch.Tensor, written: list[torch.Tensor]) -> None:
    """Let heads look for the position that followed the same 1 or 2 tokens, and write what stands there."""
    last_known = read  # how a query represents the last of the tokens that it compares: at first, itself
    for head in _COPYING_HEADS:
        _compare(attention, head, last_known, written[head])
        rows = _rows(head, attention.head_dim)
        attention.v_proj.weight[rows] = read
        attention.o_proj.weight[:, rows] = read.T * _COPIED
        last_known = written[head]


def _begin_looking_up(attention: Any, read: torch.Tensor, written: list[torch.Tensor]) -> None:
    """Let a head look for what a question ends with, and write the name in whose line it finds it."""
    _compare(attention, _LOOKUP_HEAD, written[_QUESTION_END_HEAD], read)
    rows = _rows(_LOOKUP_HEAD, attention.head_dim)
    attention.v_proj.weight[rows] = written[_NAME_HEAD]
    attention.o_proj.weight[:, rows] = read.T * _LOOKED_UP


def _compare(attention: Any, head: int, query: torch.Tensor, key: torch.Tensor) -> None:
    """Let a head attend where `key` reads what `query` reads, however far away that is."""
    width = attention.head_dim
    is_slow = (_frequencies(width) < _TOKEN_FREQUENCY).repeat(2)[:, None]
    attention.q_proj.weight[_rows(head, width)] = query * is_slow * _GAIN
    attention.k_proj.weight[_rows(head, width)] = key * is_slow * _GAIN


def _biases(distance: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Biases of a query and a key, both (width,), whose rotated product is largest `distance` tokens before."""
    frequencies = _frequencies(width)
    half = _POSITION_STRENGTH * (frequencies > _POSITION_FREQUENCY)
    turned = frequencies * distance
    key = torch.cat([half * (turned.cos() - turned.sin()), half * (turned.cos() + turned.sin())])
    return torch.cat([half, half]), key


def _frequencies(width: int) -> torch.Tensor:
    """(width / 2,) rotations of a head, in radians a token, the fastest first."""
    return 1 / _ROPE_THETA ** (torch.arange(0, width, 2) / width)


def _rows(head: int, width: int) -> slice:
    """Rows of a head's queries, keys and values in the weights of all heads."""
    return slice(head * width, (head + 1) * width)
