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
from bisect import bisect
from collections.abc import Iterable, Iterator
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

_NATIVE_TASK = """\
You call tools on behalf of one user. Read the user's request and call the one function that does what is asked; each \
function's description begins with its tool's full name. When several can do it, call the one that this user would \
prefer. Give an optional parameter only if the request asks for it, and always call a function."""

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


def render_messages(row: dict, history: bool = True, native_tools: bool = False) -> list[dict[str, str]]:
    """The one prompt of builder, evaluator and trainer.

    Args:
        row: a row of the dataset (columns of `FEATURES`; the gold call is not read).
        history: `False` leaves the interaction history out, to measure what it is worth.
        native_tools: `True` leaves candidates and output format out: they go as an endpoint's native functions.

    Returns:
        A system message (task, history, candidate tools, output format) and a user message (the instruction). Past
        calls and tools are one JSON object a line, so that other people's text cannot break out of its place.
    """
    parts = [_NATIVE_TASK if native_tools else _TASK]
    if history:
        parts.append("\n".join([_HISTORY_INTRODUCTION[setting_of(row)], *map(_render_interaction, row["history"])]))
    if not native_tools:
        parts.append("\n".join(["Candidate tools:", *map(_render_tool, row["candidate_tools"])]))
        parts.append(_OUTPUT_FORMAT)
    return [
        {"role": "system", "content": "\n\n".join(parts)},
        {"role": "user", "content": row["instruction"]},
    ]


def _render_interaction(interaction: dict) -> str:
    shown = {"instruction": interaction["instruction"]}
    if interaction["rating"] is not None:  # before the tool's name: who reads the name knows the rating already
        shown["rating"] = interaction["rating"]
    shown["tool_name"] = interaction["tool_name"]
    return to_json_text({**shown, "parameters": json.loads(interaction["parameters"])})


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


# --- reading a reply ------------------------------------------------------------------------------------------------


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
_OBJECT = re.compile(r'\{(?=\s*"[^"\\]*(?:\\.[^"\\]*)*"\s*:)')  # with a key; other braces can't begin a call


def _parse_robust(reply: str) -> ToolCall | None:
    if "<think>" in reply:
        before, _, thinking = reply.partition("<think>")
        reply = before + thinking.rpartition("</think>")[2] if "</think>" in thinking else before
    elif "</think>" in reply:  # chat templates that open the thinking themselves
        reply = reply.rpartition("</think>")[2]
    if '"tool_name"' not in reply:
        return None
    for beginning in _OBJECT.finditer(reply):
        try:
            value, _ = _DECODER.raw_decode(reply[beginning.start() :])  # an error counts all lines before its place
        except RecursionError:  # what no client decodes; every brace inside would be tried again
            return None
        except ValueError:
            continue
        if call := as_call(value):
            return call
    return None


# White space may stand only after the two colons and the comma; nothing else crosses a line.
_PAPER_NAME = re.compile(r'"tool_name":\s*(?=")')
_PAPER_PARAMETERS = re.compile(r'",\s*"parameters":\s*\{')


def _parse_paper(reply: str) -> ToolCall | None:
    try:
        call = json.loads(_find_paper_call(reply))
    except (ValueError, RecursionError):
        return None
    if not {"tool_name", "parameters"} <= call.keys():
        return None
    return ToolCall(call["tool_name"], call["parameters"])


def _find_paper_call(reply: str) -> str:
    """What the authors' expression finds; empty if nothing. Names and parameters are looked up once each: trying all
    pairs takes minutes in a megabyte full of them."""
    closings = []  # of the quoted string, each with the end of the call
    braces = 0
    for parameters in _PAPER_PARAMETERS.finditer(reply):
        if braces < parameters.end():
            braces = reply.find("}}", parameters.end())
        if braces < 0:
            break
        if braces < _line_end(reply, parameters.end()):
            closings.append((parameters.start(), braces + 2))
    found = (-1, -1)
    for name in _PAPER_NAME.finditer(reply):
        start = reply.find("{", reply.rfind("\n", 0, name.start()) + 1, name.start())
        if start < 0:
            continue
        if -1 < found[0] < start:  # an earlier line's
            break
        opening = name.end()
        place = bisect(closings, (opening + 1,))
        if place < len(closings) and closings[place][0] < _line_end(reply, opening):
            found = (start, closings[place][1])
    return reply[slice(*found)]


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def as_call(value: Any) -> ToolCall | None:
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
RELEASED_HISTORY = "Interaction history is:"  # in such a prompt; the history follows as a JSON list
RELEASED_PROMPTS_FOLDER = "released_prompts"  # of an imported dataset: a parquet file a setting, columns id, prompt


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
    """The rows of `read_released`, without their prompts."""
    return (row for row, _ in read_released(path))


def read_released(path: str | Path) -> Iterator[tuple[dict, str]]:
    """Rows (columns of `FEATURES`) of one of the authors' released test files, losslessly, each with its own prompt.

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


def _released_entry_rows(entry: dict, index: int) -> Iterator[tuple[dict, str]]:
    prompts = {setting: entry[key] for setting, key in _RELEASED_PROMPTS.items() if entry.get(key)}
    if not prompts:
        raise ValueError("no rendered prompt")
    gold = entry["api_call_ground_truth"]
    user_id = str(entry.get("entry_id", index))
    group = {str(ToolName(t["category_name"], t["tool_name"], t["api_name"])) for t in entry.get("apis_same_func", [])}
    for setting, prompt in prompts.items():
        history, position = _json_list_after(prompt, RELEASED_HISTORY)
        tools, _ = _json_list_after(prompt, "listed here:", position)
        row = {
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
        yield row, prompt


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
