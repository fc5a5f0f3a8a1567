"""Most tokens of a reply: the user's number, the paper's, or by default room for models that reason first."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from petoolkit.evaluator.models.model import split_spec

if TYPE_CHECKING:
    from petoolkit.evaluator.models.chat_rendering import ChatRenderer
    from petoolkit.evaluator.options import Options

PAPER_TOKENS = 256
# With the default window of 4,000 tokens, a prompt and its reply fit into a context of 8,192.
ROOM = 4_096

GIVEN, PAPER = "given", "paper"
DIRECT = "no sign of a reasoning model"
SWITCHED_OFF = "reasoning is switched off"
BY_TEMPLATE = "reasoning model by its chat template"
BY_NAME = "reasoning model by its name"
BY_REQUEST = "reasoning is asked for"
BY_REPLIES = "reasoning model by its replies"

# Models that reason before they answer, unless they are told not to; the last part of a name is compared, lower-cased.
_REASONING_FAMILIES = {
    "any": r"thinking|reasoning|reasoner|think(?:er)?(?![a-z])|(?<![a-z0-9])r1(?![a-z0-9])",
    "OpenAI": r"(?<![a-z0-9])o[1-9](?![a-z0-9])|gpt-?[5-9]|gpt-oss|codex-mini",
    "DeepSeek": r"deepseek-?r\d",
    "Qwen": r"qwq|qvq|qwen-?3",
    "Mistral": r"magistral",
    "Gemini": r"gemini-(?:2\.[5-9]|[3-9])",
    "Grok": r"grok-(?:3-mini|[4-9])",
    "GLM": r"glm-?(?:4\.[5-9]|[5-9]|z1)",
    "Kimi": r"kimi-k2\.[5-9]|kimi-k[3-9]",
    "MiniMax": r"minimax-?m[1-9]",
    "SmolLM": r"smollm3",
    "Nemotron": r"nemotron.*(?:nano|super|ultra)",
    "Seed": r"seed-oss",
    "Hunyuan": r"hunyuan-(?:a13b|t1)",
    "EXAONE": r"exaone-deep",
    "MiMo": r"mimo-",
}
_REASONING_NAME = re.compile("|".join(_REASONING_FAMILIES.values()))
# Members of these families that answer directly.
_DIRECT_NAME = re.compile(
    r"non?-?(?:thinking|reasoning|think)|gpt-?5.*-chat|gemini-2\.5-flash-lite"
    r"|deepseek-(?:v3|chat)|qwen-?3(?!.*thinking).*(?:instruct|coder|max|embed|rerank)"
)
# Fields of a request, or variables of a chat template, that switch the reasoning on or off.
_SWITCHES = ("enable_thinking", "thinking", "think", "reasoning", "reasoning_effort", "thinking_config")
_SWITCH_FIELDS = ("type", "enabled", "effort", "budget_tokens", "thinking_budget", "max_tokens")
_OFF = (False, "none", "disabled", "off")  # 0 equals `False`


@dataclass(frozen=True)
class ReplyLimit:
    """Most tokens of a reply, and the reason for this number.

    Args:
        tokens: the number.
        reason: one of the constants of this module; `None` if an older version chose it.
    """

    tokens: int
    reason: str | None

    @property
    def may_grow(self) -> bool:
        """Whether cut replies that reason are asked for again with `ROOM`."""
        return self.reason in (DIRECT, SWITCHED_OFF) and self.tokens < ROOM

    @property
    def note(self) -> str | None:
        """One sentence for the start of a run; `None` if the user chose the number."""
        if self.reason in (GIVEN, PAPER):
            return None
        return (
            f"Replies have up to {self.tokens:,} tokens ({self.reason or 'as when this evaluation began'}); "
            "--max-new-tokens changes this."
        )


def find_reply_limit(
    spec: str, options: "Options", renderer: "ChatRenderer | None" = None, stored: ReplyLimit | None = None
) -> ReplyLimit:
    """Most tokens of a reply of a model.

    Args:
        spec: spec of the model.
        options: options of the evaluation; a number in `max_new_tokens` is taken as it is.
        renderer: the chat template of a model that this process runs.
        stored: the limit of an evaluation that is continued; unless the user chose it, it stays.
    """
    chosen = options.max_new_tokens
    if isinstance(chosen, int):
        return ReplyLimit(chosen, GIVEN)
    if chosen == PAPER:
        return ReplyLimit(PAPER_TOKENS, PAPER)
    if stored and stored.reason not in (GIVEN, PAPER):
        return stored
    reason = _reason(spec, options, renderer)
    return ReplyLimit(PAPER_TOKENS if reason in (DIRECT, SWITCHED_OFF) else ROOM, reason)


def _reason(spec: str, options: "Options", renderer: "ChatRenderer | None") -> str:
    switches = list(_switches(options.extra_body or {})) + list(_switches(options.chat_template_args or {}))
    if any(value in _OFF for value in switches):
        return SWITCHED_OFF
    shown = renderer.shows_reasoning if renderer else None
    if shown is False:
        return SWITCHED_OFF
    name = _last_part(spec)
    if switches:
        return BY_REQUEST
    if _DIRECT_NAME.search(name):
        return DIRECT
    if shown:
        return BY_TEMPLATE
    return BY_NAME if _REASONING_NAME.search(name) else DIRECT


def _last_part(spec: str) -> str:
    """The model's own name, without its kind, its owner or folder, and its adapter."""
    kind, _, name = spec.partition(":")
    model = name if kind == "openai" else split_spec(name)[0]
    return model.rstrip("/").rpartition("/")[2].lower().replace("_", "-")


def _switches(fields: Mapping[str, Any]) -> Iterator[Any]:
    """Values of the fields that switch the reasoning on or off, also of those inside other fields."""
    for name, value in fields.items():
        if name in _SWITCHES and isinstance(value, Mapping) and any(field in value for field in _SWITCH_FIELDS):
            yield from (value[field] for field in _SWITCH_FIELDS if field in value)
        elif isinstance(value, Mapping):
            yield from _switches(value)
        elif name in (*_SWITCHES, "thinking_budget"):
            yield value.lower() if isinstance(value, str) else value
