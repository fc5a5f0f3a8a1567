"""Chat templates with tools: real ones, which TRL ships, and short ones of our own in the manner of model families."""

import re
from pathlib import Path

import trl

REAL = {
    path.stem: path
    for path in sorted((Path(trl.__file__).parent / "chat_templates").glob("*.jinja"))
    if not path.stem.endswith("_training")
}
WITHOUT_TOOLS = {"cohere", "cohere2", "deepseek_r1_distill", "deepseekv3", "gemma", "gemma3", "idefics3", "llama3"}
WITHOUT_TOOLS |= {"llava_next", "phi3", "phi3_5", "qwen2_5_vl", "smolvlm"}
WITH_CALLS = REAL.keys() - WITHOUT_TOOLS - {"lfm2"}  # which shows tools, and writes no call
_SPECIAL = re.compile(r"<\|\"\|>|<\|?[\w/:\uff5c\u2581]{2,}\|?>|<\uff5c[^\uff5c]+\uff5c>|\[/?[A-Z_]+\]")


def special_tokens(template: Path) -> list[str]:
    """The texts in a template that look like special tokens."""
    return sorted(set(_SPECIAL.findall(template.read_text())) - {"<s>", "</s>", "<think>", "</think>"})


_TURNS = "{{ bos_token }}{% for m in messages %}"
_END = "{% endfor %}{% if add_generation_prompt %}"
_FUNCTIONS = "{% for t in tools %}{{ t['function'] | tojson }}\n{% endfor %}"
_CALL = "{% set c = m['tool_calls'][0]['function'] %}"
_JSON_CALL = _CALL + "{{ '{\"name\": \"' + c['name'] + '\", \"arguments\": ' }}{{ c['arguments'] | tojson }}{{ '}' }}"

# By family, the template and the special tokens that it writes.
FAMILIES: dict[str, tuple[str, tuple[str, ...]]] = {
    # As Llama 3.1: the tools stand in the first user's turn, and a call is JSON with `parameters`.
    "llama": (
        _TURNS
        + "<|head|>{{ m['role'] }}<|/head|>\n\n"
        + "{% if m['role'] == 'user' and tools %}Tools:\n" + _FUNCTIONS + "{% endif %}"
        + "{% if m['tool_calls'] %}" + _CALL
        + "{{ '{\"name\": \"' + c['name'] + '\", \"parameters\": ' }}{{ c['arguments'] | tojson }}{{ '}' }}"
        + "{% else %}{{ m['content'] | trim }}{% endif %}<|eot|>"
        + _END + "<|head|>assistant<|/head|>\n\n{% endif %}",
        ("<|head|>", "<|/head|>", "<|eot|>"),
    ),
    # As Qwen2.5 and Hermes: the tools stand in the system message, and tags mark a call.
    "qwen": (
        _TURNS
        + "<|start|>{{ m['role'] }}\n{{ m['content'] }}"
        + "{% if m['role'] == 'system' and tools %}\n<tools>\n" + _FUNCTIONS + "</tools>{% endif %}"
        + "{% if m['tool_calls'] %}<tool_call>\n" + _JSON_CALL + "\n</tool_call>{% endif %}<|stop|>\n"
        + _END + "<|start|>assistant\n{% endif %}",
        ("<|start|>", "<|stop|>"),
    ),
    # As Mistral: no system turn, tools before the last user's turn, calls with an identifier of nine characters.
    "mistral": (
        _TURNS
        + "{% if m['role'] == 'system' %}{{ raise_exception('user and assistant turns only') }}"
        + "{% elif m['role'] == 'user' %}{% if tools %}[TOOLS]{{ tools | tojson }}[/TOOLS]{% endif %}"
        + "[INST]{{ m['content'] }}[/INST]"
        + "{% elif m['tool_calls'] %}{% if m['tool_calls'][0]['id'] | length != 9 %}"
        + "{{ raise_exception('nine characters') }}{% endif %}[TOOL_CALLS] [" + _JSON_CALL + "]{{ eos_token }}"
        + "{% else %}{{ m['content'] }}{{ eos_token }}{% endif %}"
        + _END + "{% endif %}",
        ("[TOOLS]", "[/TOOLS]", "[INST]", "[/INST]", "[TOOL_CALLS]"),
    ),
    # As Phi-4 and Granite: the tools stand in a turn of their own, and a call in a list behind a special token.
    "phi": (
        "{{ bos_token }}{% if tools %}<|tool|>{{ tools | tojson }}<|/tool|>{% endif %}{% for m in messages %}"
        + "<|{{ m['role'] }}|>{% if m['tool_calls'] %}<|tool_call|>[" + _JSON_CALL + "]<|/tool_call|>"
        + "{% else %}{{ m['content'] }}{% endif %}<|end|>"
        + _END + "<|assistant|>{% endif %}",
        ("<|tool|>", "<|/tool|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool_call|>", "<|/tool_call|>", "<|end|>"),  # noqa: E501
    ),
    # As the first Gemmas: no system turn; and a call as SmolLM writes it, as Python.
    "gemma": (
        _TURNS
        + "{% if m['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
        + "<turn>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n"
        + "{% if loop.first and tools %}" + _FUNCTIONS + "{% endif %}"
        + "{% if m['tool_calls'] %}" + _CALL + "{{ '[' + c['name'] + '(' }}{% for k, v in c['arguments'] | items %}"
        + "{{ k + '=' }}{{ v | tojson }}{% if not loop.last %}{{ ', ' }}{% endif %}{% endfor %}{{ ')]' }}"
        + "{% else %}{{ m['content'] | trim }}{% endif %}</turn>\n"
        + _END + "<turn>model\n{% endif %}",
        ("<turn>", "</turn>"),
    ),
    # As DeepSeek-V3: special tokens around the name, and a fence around the arguments.
    "deepseek": (
        _TURNS
        + "{% if m['role'] == 'system' %}{{ m['content'] }}{% for t in tools or [] %}\n{{ t | tojson }}{% endfor %}"
        + "{% elif m['role'] == 'user' %}<\uff5cUser\uff5c>{{ m['content'] }}{% else %}<\uff5cAssistant\uff5c>"
        + "{% if m['tool_calls'] %}" + _CALL + "<\uff5ccalls\uff5c><\uff5ccall\uff5c>function<\uff5csep\uff5c>"
        + "{{ c['name'] + '\n```json\n' }}{{ c['arguments'] | tojson }}{{ '\n```' }}"
        + "<\uff5c/call\uff5c><\uff5c/calls\uff5c>"
        + "{% else %}{{ m['content'] }}{% endif %}{{ eos_token }}{% endif %}"
        + _END + "<\uff5cAssistant\uff5c>{% endif %}",
        tuple(f"<\uff5c{name}\uff5c>" for name in ("User", "Assistant", "calls", "call", "sep", "/call", "/calls")),
    ),
}  # fmt: skip
