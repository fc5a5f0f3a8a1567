"""The contract of PEToolBench: settings, columns, dataset builder, prompt, and the reading of a model's reply.

Everything else (`builder`, `evaluator`, `trainer`, `metrics`) imports this file; it imports the standard library and
`datasets` only, so that `datasets` 3 can still run it as a loading script:

    load_dataset("petoolbench.py", "chronological", trust_remote_code=True)  # datasets 3.x
    load_dataset("petoolbench", "chronological")  # any version, after `petoolbench build`

The task is the paper's (section 3.1): given an instruction, the user's past tool calls and about ten candidate tools,
call the tool that does the job and is the one that this user prefers.
"""

import gzip
import hashlib
import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import datasets

SETTINGS = {
    "preferred_only": "The history holds only calls of tools that the user prefers.",
    "rating_integrated": "The history holds calls of liked (rating 1) and disliked (rating 0) tools.",
    "chronological": "The history is in time order; tools called later are preferred over tools called earlier.",
}
SPLITS = ("train", "test")
READERS = ("robust", "paper")

_PARAMETERS = [
    {
        "name": datasets.Value("string"),
        "type": datasets.Value("string"),
        "description": datasets.Value("string"),
        "default": datasets.Value("string"),  # JSON text
    }
]

FEATURES = datasets.Features(
    {
        "id": datasets.Value("string"),
        "user_id": datasets.Value("string"),
        "group_id": datasets.Value("string"),
        "category": datasets.Value("string"),
        "instruction": datasets.Value("string"),
        "history": [
            {
                "instruction": datasets.Value("string"),
                "tool_name": datasets.Value("string"),
                "parameters": datasets.Value("string"),  # JSON text of an object
                "rating": datasets.Value("int8"),
            }
        ],
        "history_length": datasets.Value("int32"),
        "candidate_tools": [
            {
                "tool_name": datasets.Value("string"),
                "tool_description": datasets.Value("string"),
                "provider_description": datasets.Value("string"),
                "required_parameters": _PARAMETERS,
                "optional_parameters": _PARAMETERS,
            }
        ],
        "tool_call": {"tool_name": datasets.Value("string"), "parameters": datasets.Value("string")},
        "same_function_tools": [datasets.Value("string")],
    }
)

# What the metrics take: raw replies, and gold calls as structs or as JSON text.
METRIC_FEATURES = [
    datasets.Features({"predictions": datasets.Value("string"), "references": references})
    for references in (FEATURES["tool_call"], datasets.Value("string"))
]

CITATION = """\
@article{xu2025petool,
  title={{PEToolLLM}: Towards Personalized Tool Learning in Large Language Models},
  author={Xu, Qiancheng and Li, Yongqi and Xia, Heming and Liu, Fan and Yang, Min and Li, Wenjie},
  year={2025}
}"""


class InputError(ValueError):
    """A user's mistake, told in one sentence that says what was wrong, where, and what to do next."""


# --- tools and rows -------------------------------------------------------------------------------------------------

_TOOL_NAME = re.compile(r"<(.*?)>\.<(.*?)>\.<(.*)>", re.DOTALL)


class ToolName(NamedTuple):
    """The three parts of a tool's name; `str()` gives the full form `<category>.<provider>.<api>`."""

    category: str
    provider: str
    api: str

    def __str__(self) -> str:
        return f"<{self.category}>.<{self.provider}>.<{self.api}>"

    @classmethod
    def parse(cls, name: str) -> "ToolName":
        """Split a full name; a name of another form is taken as an `api` without category and provider."""
        match = _TOOL_NAME.fullmatch(name)
        return cls(*match.groups()) if match else cls("", "", name)


def to_json_text(value: Any) -> str:
    """Free-form values (a call's parameters, a parameter's default) travel as this JSON text."""
    # Half of a surrogate pair can stand in other people's JSON, but in no UTF-8 file.
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode("utf-8")


def setting_of(row: dict) -> str:
    """The setting of a row, read from its id `<user_id>/<setting>`."""
    return row["id"].rpartition("/")[2]


# --- the prompt -----------------------------------------------------------------------------------------------------

_TASK = """\
You call tools on behalf of one user. Read the user's request and call the one tool, out of the candidate tools \
below, that does what is asked. When several candidates can do it, call the one that this user would prefer."""

_HISTORY_INTRODUCTION = {
    "preferred_only": "Calls made for this user before, oldest first. The user was happy with every one of them:",
    "rating_integrated": "Calls made for this user before, oldest first, each with the user's rating (1 = liked, "
    "0 = disliked):",
    "chronological": "Calls made for this user before, oldest first. The user's taste has shifted over time: later "
    "calls used tools that the user prefers over those of earlier calls:",
}

_OUTPUT_FORMAT = """\
Answer with the tool call alone, as one line of JSON, with no other text:
{"tool_name": "<Category>.<Provider>.<Api>", "parameters": {"name": value}}
Copy the tool's full name from the candidates. Give every required parameter, and an optional one only if the request \
asks for it. Without parameters, write "parameters": {}."""


def render_messages(row: dict, history: bool = True) -> list[dict[str, str]]:
    """The one prompt of builder, evaluator and trainer.

    Args:
        row: a row of the dataset (columns of `FEATURES`; the gold call is not read).
        history: `False` leaves the interaction history out, to measure what it is worth.

    Returns:
        A system message (task, history, candidate tools, output format) and a user message (the instruction). Past
        calls and tools are one JSON object a line, so that other people's text cannot break out of its place.
    """
    parts = [_TASK]
    if history:
        parts.append("\n".join([_HISTORY_INTRODUCTION[setting_of(row)], *map(_render_interaction, row["history"])]))
    parts.append("\n".join(["Candidate tools:", *map(_render_tool, row["candidate_tools"])]))
    parts.append(_OUTPUT_FORMAT)
    return [
        {"role": "system", "content": "\n\n".join(parts)},
        {"role": "user", "content": row["instruction"]},
    ]


def _render_interaction(interaction: dict) -> str:
    shown = {
        "instruction": interaction["instruction"],
        "tool_name": interaction["tool_name"],
        "parameters": json.loads(interaction["parameters"]),
    }
    if interaction["rating"] is not None:
        shown["rating"] = interaction["rating"]
    return to_json_text(shown)


def _render_tool(tool: dict) -> str:
    shown: dict[str, Any] = {"tool_name": tool["tool_name"], "tool_description": tool["tool_description"]}
    if tool["provider_description"]:
        shown["provider_description"] = tool["provider_description"]
    for kind in ("required_parameters", "optional_parameters"):
        shown[kind] = [
            {**parameter, "default": None if parameter["default"] is None else json.loads(parameter["default"])}
            for parameter in tool[kind]
        ]
    return to_json_text(shown)


# --- reading and judging a reply ------------------------------------------------------------------------------------


class ToolCall(NamedTuple):
    """A call as it was read: the tool's full name and its parameters, decoded from JSON."""

    tool_name: str
    parameters: dict[str, Any]


def parse_reply(reply: str, reader: str = "robust") -> ToolCall | None:
    """Read the tool call out of a model's raw reply.

    Args:
        reply: what the model wrote.
        reader: `robust` finds the JSON object as any client would: after thinking, inside a fence, indented, with
            prose around it, with its parameters as a JSON string or left out. `paper` finds what the authors' scorer
            finds, and nothing else.

    Returns:
        The first call in the reply, or `None` where there is none (error type IF of the paper's Table 2).
    """
    check_choice(reader, READERS, "reader")
    return _parse_robust(reply) if reader == "robust" else _parse_paper(reply)


_DECODER = json.JSONDecoder()


def _parse_robust(reply: str) -> ToolCall | None:
    if "<think>" in reply:
        before, _, thinking = reply.partition("<think>")
        reply = before + thinking.rpartition("</think>")[2] if "</think>" in thinking else before
    elif "</think>" in reply:  # chat templates that open the thinking themselves
        reply = reply.rpartition("</think>")[2]
    if '"tool_name"' not in reply:
        return None
    start = reply.find("{")
    while start >= 0:
        try:
            value, _ = _DECODER.raw_decode(reply, start)
        except (ValueError, RecursionError):
            value = None
        if call := _as_call(value):
            return call
        start = reply.find("{", start + 1)
    return None


# White space may stand only after the two colons and the comma; nothing else crosses a line. If any brace of a line
# starts a match, the first one does: anchoring there keeps the search linear in a reply full of braces.
_PAPER_CALL = re.compile(r'^[^{\n]*(\{.*"tool_name":\s*".*?",\s*"parameters":\s*\{.*?\}\})', re.MULTILINE)


def _parse_paper(reply: str) -> ToolCall | None:
    match = _PAPER_CALL.search(reply)
    try:
        call = json.loads(match.group(1)) if match else {}
    except (ValueError, RecursionError):
        return None
    if not {"tool_name", "parameters"} <= call.keys():
        return None
    return ToolCall(call["tool_name"], call["parameters"])


def _as_call(value: Any) -> ToolCall | None:
    """A decoded JSON value as a call, if it is one; parameters may be JSON text, `null` or absent."""
    if not isinstance(value, dict) or not isinstance(value.get("tool_name"), str):
        return None
    parameters = value.get("parameters")
    if isinstance(parameters, str):
        try:
            parameters = json.loads(parameters)
        except (ValueError, RecursionError):
            return None
    if parameters is None:
        parameters = {}
    return ToolCall(value["tool_name"], parameters) if isinstance(parameters, dict) else None


def read_gold_call(reference: str | dict) -> ToolCall:
    """Read a gold call: the `tool_call` struct of a row, or the same as JSON text. Do not change its parameters.

    Raises:
        InputError: if it is no call.
    """
    try:
        key = reference if isinstance(reference, str) else (reference["tool_name"], reference["parameters"])
        call = _read_gold(key)
    except (KeyError, TypeError):  # a struct whose parameters are an object, which is no key, or no struct at all
        call = _as_call(reference)
    if call is None:
        raise InputError(
            f"this reference is no tool call: {str(reference)[:200]!r}; give the row's `tool_call`, or JSON text like "
            '{"tool_name": "<Category>.<Provider>.<Api>", "parameters": {}}.'
        )
    return call


@lru_cache(maxsize=65_536)  # one gold call stands behind many replies
def _read_gold(reference: str | tuple[str, str]) -> ToolCall | None:
    if not isinstance(reference, str):
        return _as_call(dict(zip(("tool_name", "parameters"), reference, strict=True)))
    try:
        return _as_call(json.loads(reference))
    except (ValueError, RecursionError):
        return None


def parameter_types(tool: dict) -> dict[str, str]:
    """Documented types by parameter name, of one tool document (a row's `candidate_tools` entry)."""
    return {p["name"]: (p["type"] or "").upper() for p in tool["required_parameters"] + tool["optional_parameters"]}


def is_right_tool(call: ToolCall | None, gold: ToolCall) -> bool:
    """Tool Acc of one row (paper, section 3.4): the called tool is the gold one. An unreadable reply is wrong."""
    return call is not None and call.tool_name == gold.tool_name


def has_right_parameters(
    call: ToolCall | None, gold: ToolCall, reader: str = "robust", types: dict[str, str] | None = None
) -> bool:
    """Param Acc of one row (paper, section 3.4): the parameters equal the gold ones, whatever the tool.

    Args:
        call: the call as `reader` read it; `None` (unreadable) is wrong.
        gold: the gold call.
        reader: `paper` compares as Python does (3 equals 3.0, 1 equals true, "3" is not 3); `robust` keeps booleans
            apart from numbers and uses `types`.
        types: documented types of the gold tool (`parameter_types`). With them, `robust` takes the text "3" of a
            NUMBER as 3 and "true" of a BOOLEAN as true, on both sides.
    """
    if call is None:
        return False
    if reader == "paper":
        return call.parameters == gold.parameters
    if call.parameters.keys() != gold.parameters.keys():
        return False
    types = types or {}
    return all(
        _equal_json(_typed(value, types.get(name)), _typed(gold.parameters[name], types.get(name)))
        for name, value in call.parameters.items()
    )


_NUMBER_TYPES = {"NUMBER", "INTEGER", "INT", "FLOAT", "DOUBLE"}
_BOOLEAN_TYPES = {"BOOLEAN", "BOOL"}
_NUMBER = re.compile(r"[+-]?\d{1,300}(\.\d+)?([eE][+-]?\d{1,3})?")


def _typed(value: Any, documented_type: str | None) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip()
    if documented_type in _NUMBER_TYPES and _NUMBER.fullmatch(text):
        return int(text) if text.lstrip("+-").isdecimal() else float(text)
    if documented_type in _BOOLEAN_TYPES and text.lower() in ("true", "false"):
        return text.lower() == "true"
    return value


def _equal_json(left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal_json(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal_json, left, right))
    return left == right


def check_choice(value: str, choices: Iterable[str], what: str) -> None:
    """Raise `InputError` naming the choices, unless `value` is one of them."""
    if value not in choices:
        raise InputError(f"unknown {what} {value!r}; choose one of: {', '.join(choices)}.")


# --- reading rows: a build's JSON lines, and the authors' released test files -----------------------------------

_RELEASED_PROMPTS = {
    "preferred_only": "instruction_preferred",
    "rating_integrated": "instruction_ratings",
    "chronological": "instruction_chronological",
}


def read_json(path: str | Path) -> Any:
    """Decode a JSON file, gzipped or not.

    Raises:
        InputError: if it is missing, cut short or no JSON; names the file and the line.
    """
    path = Path(path)
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else open(path, encoding="utf-8") as file:
            return json.load(file)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}, line {error.lineno}: not valid JSON ({error.msg}); mend or remove the file."
        ) from None
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; check the path.") from None
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise InputError(f"{path} cannot be read ({error}); it may be damaged or cut short: fetch it again.") from None


def read_released_rows(path: str | Path) -> Iterator[dict]:
    """Rows (columns of `FEATURES`) of one of the authors' released test files, losslessly.

    History, candidates and their order come out of the rendered prompts (`instruction_preferred`,
    `instruction_ratings`, `instruction_chronological`; whichever an entry has). The prompts hold no provider
    descriptions, so the column stays empty: the entry's own notes describe the same-function tools only, which would
    give them away.

    Raises:
        InputError: naming the file and the entry.
    """
    entries = read_json(path)
    if not isinstance(entries, list):
        raise InputError(f"{path} is not a released test file: it should hold a JSON list of entries.")
    for index, entry in enumerate(entries):
        try:
            yield from _released_entry_rows(entry, index)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"{path}, entry {index}: not of the released form ({type(error).__name__}: {error}); an entry has "
                f"`query`, `api_call_ground_truth` and at least one of: {', '.join(_RELEASED_PROMPTS.values())}."
            ) from None


def _released_entry_rows(entry: dict, index: int) -> Iterator[dict]:
    prompts = {setting: entry[key] for setting, key in _RELEASED_PROMPTS.items() if entry.get(key)}
    if not prompts:
        raise ValueError("no rendered prompt")
    gold = entry["api_call_ground_truth"]
    user_id = str(entry.get("entry_id", index))
    group = {str(ToolName(t["category_name"], t["tool_name"], t["api_name"])) for t in entry.get("apis_same_func", [])}
    for setting, prompt in prompts.items():
        history, position = _json_list_after(prompt, "Interaction history is:")
        tools, _ = _json_list_after(prompt, "listed here:", position)
        yield {
            "id": f"{user_id}/{setting}",
            "user_id": user_id,
            "group_id": str(entry.get("func", "")),
            "category": ToolName.parse(gold["tool_name"]).category,
            "instruction": entry["query"],
            "history": [
                {
                    "instruction": interaction["instruction"],
                    "tool_name": interaction["tool_call"]["tool_name"],
                    "parameters": to_json_text(interaction["tool_call"]["parameters"]),
                    "rating": interaction.get("rating"),
                }
                for interaction in history
            ],
            "history_length": len(history),
            "candidate_tools": [
                {
                    "tool_name": tool["tool_name"],
                    "tool_description": tool["tool_description"],
                    "provider_description": "",
                    **{
                        kind: [
                            {**parameter, "default": to_json_text(parameter["default"])} for parameter in tool[kind]
                        ]
                        for kind in ("required_parameters", "optional_parameters")
                    },
                }
                for tool in tools
            ],
            "tool_call": {"tool_name": gold["tool_name"], "parameters": to_json_text(gold["parameters"])},
            "same_function_tools": [t["tool_name"] for t in tools if t["tool_name"] in group | {gold["tool_name"]}],
        }


def _json_list_after(prompt: str, heading: str, position: int = 0) -> tuple[list, int]:
    """Decode the JSON list that follows `heading`; also gives the position behind it."""
    return _DECODER.raw_decode(prompt, prompt.index("[", prompt.index(heading, position)))


# --- the dataset builder --------------------------------------------------------------------------------------------


class PEToolBenchConfig(datasets.BuilderConfig):
    """One setting. The cache key holds the source files' sizes and times: edited files are read again."""

    def create_config_id(self, config_kwargs: dict, custom_features: Any = None) -> str:
        config_id = super().create_config_id(config_kwargs, custom_features)
        files = [(str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in _source_files(self.data_dir)]
        return f"{config_id}-{hashlib.sha256(repr(files).encode()).hexdigest()[:16]}"


class PEToolBench(datasets.GeneratorBasedBuilder):
    """Builds the dataset out of `data_dir`, one config a setting.

    `data_dir` is a dataset's folder (parquet), a build's run folder (`export.jsonl`), or a released test file or
    folder of them (`.json`, `.json.gz`); by default the folder `petoolbench` beside the current one.
    """

    VERSION = datasets.Version("1.0.0")
    BUILDER_CONFIG_CLASS = PEToolBenchConfig
    BUILDER_CONFIGS: ClassVar = [
        PEToolBenchConfig(name=name, version=datasets.Version("1.0.0"), description=text)
        for name, text in SETTINGS.items()
    ]

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(
            description="Personalised tool use: " + SETTINGS[self.config.name], features=FEATURES, citation=CITATION
        )

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        files = _source_files(self.config.data_dir)
        if not files:
            raise InputError(
                f"{self.config.data_dir or 'petoolbench'} holds no dataset, no run and no released test file; run "
                "`petoolbench build` first, or pass data_dir=."
            )
        splits = [split for split in SPLITS if any(_may_hold(file, self.config.name, split) for file in files)]
        return [datasets.SplitGenerator(name=s, gen_kwargs={"files": files, "split": s}) for s in splits]

    def _generate_examples(self, files: list[Path], split: str) -> Iterator[tuple[str, dict]]:
        for file in files:
            if _may_hold(file, self.config.name, split):
                for row in _read_rows(file, split):
                    if setting_of(row) == self.config.name:
                        yield row["id"], row


def _source_files(data_dir: str | None) -> list[Path]:
    path = Path(data_dir or "petoolbench")
    if path.is_file():
        return [path]
    if (path / "export.jsonl").exists():
        return [path / "export.jsonl"]
    return sorted(path.glob("data/*/*.parquet")) or sorted([*path.glob("*.json"), *path.glob("*.json.gz")])


def _may_hold(file: Path, setting: str, split: str) -> bool:
    """Whether a source file can have rows of this setting and split; released files are all test."""
    if file.suffix == ".parquet":
        return file.parent.name == setting and file.name.startswith(f"{split}-")
    if file.suffix == ".jsonl":
        with open(file, encoding="utf-8") as lines:
            return any(json.loads(line)["split"] == split for line in lines)
    return split == "test"


def _read_rows(file: Path, split: str) -> Iterator[dict]:
    if file.suffix == ".parquet":
        yield from datasets.Dataset.from_parquet(os.fspath(file), features=FEATURES, keep_in_memory=True)
    elif file.suffix == ".jsonl":
        with open(file, encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                if row.pop("split") == split:
                    yield row
    else:
        yield from read_released_rows(file)
