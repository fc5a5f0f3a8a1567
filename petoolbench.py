"""The contract of PEToolBench: settings, columns, row rules, prompt, and dataset builder.

It imports the standard library and `datasets` only, so that `datasets` 3 can still run it as a loading script:

    load_dataset("petoolbench.py", "chronological", trust_remote_code=True)  # datasets 3.x
    load_dataset("petoolbench", "chronological")  # any version, after `petoolbench build`

The task is the paper's (section 3.1): given an instruction, the user's past tool calls and about ten candidate tools,
call the tool that does the job and is the one that this user prefers.
"""

import hashlib
import importlib.util
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple


class InputError(ValueError):
    """A user's mistake, told in one sentence that says what was wrong, where, and what to do next."""


@dataclass(frozen=True)
class Setting:
    """One of the task's settings (paper, section 3.1), and the dataset's config of that name.

    Args:
        name: as configs, row ids and options have it.
        description: a sentence on what its histories hold.
        introduction: the line above the history in a prompt.
        dislikes: which calls of tools that the user does not like a history holds: `none`, some `mixed` with the liked
            ones, or some `first`, before all liked ones.
        is_rated: whether each past call has a rating, 1 (liked) or 0 (disliked); elsewhere it is null.
        released_prompt: the key of this setting's rendered prompt in the authors' released test files.
    """

    name: str
    description: str
    introduction: str
    dislikes: Literal["none", "mixed", "first"]
    is_rated: bool = False
    released_prompt: str | None = None

    @property
    def label(self) -> str:
        """The name as the paper writes it: `preferred-only`."""
        return self.name.replace("_", "-")


SETTINGS: dict[str, Setting] = {
    setting.name: setting
    for setting in (
        Setting(
            "preferred_only",
            "The history holds only calls of tools that the user prefers.",
            "Calls made for this user before, oldest first. The user was happy with every one of them:",
            dislikes="none",
            released_prompt="instruction_preferred",
        ),
        Setting(
            "rating_integrated",
            "The history holds calls of liked (rating 1) and disliked (rating 0) tools.",
            "Calls made for this user before, oldest first, each with the user's rating (1 = liked, 0 = disliked):",
            dislikes="mixed",
            is_rated=True,
            released_prompt="instruction_ratings",
        ),
        Setting(
            "chronological",
            "The history is in time order; tools called later are preferred over tools called earlier.",
            "Calls made for this user before, oldest first. The user's taste has shifted over time: later calls used "
            "tools that the user prefers over those of earlier calls:",
            dislikes="first",
            released_prompt="instruction_chronological",
        ),
    )
}
SPLITS = ("train", "test")
# What a row asks for: the tool that the user prefers; the one that meets a need which the instruction states against
# the taste; or any tool that does the job. Rows of the first kind are in their setting's config, all others in one.
KINDS = ("preference", "override", "no_preference")
SELECTIVITY = "selectivity"

PARAMETER_KINDS = ("required_parameters", "optional_parameters")  # of a tool document
# `default` and `schema` are JSON text.
_PARAMETERS = [dict.fromkeys(("name", "type", "description", "default", "schema"), "string")]
# Types by column, as `datasets.Value` names them; `FEATURES` is made of this.
COLUMNS: dict[str, Any] = {
    "id": "string",  # <user_id>/<setting>
    "user_id": "string",
    "group_id": "string",  # of the gold tool: which function it has
    "category": "string",  # of the gold tool
    "block_id": "string",  # rows that share instruction and candidates; "" where there are none
    "kind": "string",  # one of KINDS
    "instruction": "string",
    "history": [
        {
            **dict.fromkeys(("instruction", "tool_name", "provider_description"), "string"),
            "parameters": "string",  # JSON text
            "rating": "int8",
        }
    ],
    "history_length": "int32",
    "candidate_tools": [
        {
            **dict.fromkeys(("tool_name", "tool_description", "provider_description"), "string"),
            **dict.fromkeys(PARAMETER_KINDS, _PARAMETERS),
            "schema": "string",  # JSON text: what the schema of all parameters says beside them
        }
    ],
    "tool_call": {"tool_name": "string", "parameters": "string"},  # JSON text
    "acceptable_tools": ["string"],  # the tools that count as right
    "same_function_tools": ["string"],
    "taste": "string",  # JSON text of what decided, for analysis only: never rendered
}

CITATION = """\
@article{xu2025petool,
  title={{PEToolLLM}: Towards Personalized Tool Learning in Large Language Models},
  author={Xu, Qiancheng and Li, Yongqi and Xia, Heming and Liu, Fan and Yang, Min and Li, Wenjie},
  year={2025}
}"""

# Characters that end a line, cannot be seen, or turn the direction of writing, as a range of a regular expression:
# controls, zero-width and direction marks, line and paragraph separators, joiners, annotations, tags.
UNSEEN = (
    r"\x00-\x1f\x7f-\x9f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
)
_UNSEEN = re.compile(f"[{UNSEEN}]")
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


def provider_of(tool: dict) -> tuple[str, ...]:
    """The provider of a candidate or a past call, as a key: category and provider, or else what describes it."""
    category, provider, _ = ToolName.parse(tool["tool_name"])
    return (category, provider) if provider else (tool["provider_description"] or tool["tool_name"],)


def to_json_text(value: Any) -> str:
    """Free-form values (a call's parameters, a parameter's default) travel as this JSON text."""
    # Half of a surrogate pair can stand in other people's JSON, but not in a UTF-8 file.
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode("utf-8")


def setting_of(row: dict) -> str:
    """The name of a row's setting, read from its id `<user_id>/<setting>`; `#<name>` of a changed row may follow."""
    return (row["id"] or "").rpartition("/")[2].partition("#")[0]


def config_of(row: dict) -> str:
    """The config that a row belongs to."""
    return setting_of(row) if row["kind"] == KINDS[0] else SELECTIVITY


def all_configs() -> list[str]:
    """The configs that a dataset can have, in the contract's order."""
    return [*SETTINGS, SELECTIVITY]


def check_choice(value: str, choices: Iterable[str], what: str) -> None:
    """Raise `InputError` naming the choices, unless `value` is one of them."""
    if value not in choices:
        raise InputError(f"unknown {what} {value!r}; choose one of: {', '.join(choices)}.")


_TASK = """\
You call tools on behalf of one user. Read the user's request and call the one tool, out of the candidate tools \
below, that does what is asked. When several candidates can do it, call the one that this user would prefer."""

_NATIVE_TASK = """\
You call tools on behalf of one user. Read the user's request and call the one function that does what is asked; each \
function's description begins with its tool's full name. When several can do it, call the one that this user would \
prefer. Give an optional parameter only if the request asks for it, and always call a function."""

_OUTPUT_FORMAT = """\
Answer with the tool call alone, as one line of JSON, with no other text:
{"tool_name": "<Category>.<Provider>.<Api>", "parameters": {"name": value}}
Copy the tool's full name from the candidates. Give every required parameter, and an optional one only if the request \
asks for it. Without parameters, write "parameters": {}."""


def render_messages(row: dict, history: bool | str = True, native_tools: bool = False) -> list[dict[str, str]]:
    """The one prompt of builder, evaluation and training.

    Args:
        row: a row of the dataset (columns of `COLUMNS`; the gold call is not read).
        history: `False` leaves the interaction history out, to measure what it is worth; a text replaces it.
        native_tools: `True` leaves candidates and output format out: they go as an endpoint's native functions.

    Returns:
        A system message (task, history, candidate tools, output format) and a user message (the instruction). Past
        calls and tools are one JSON object a line, so that other people's text cannot break out of its line.
    """
    parts = [_NATIVE_TASK if native_tools else _TASK]
    if history is True:
        history = "\n".join([SETTINGS[setting_of(row)].introduction, *map(render_interaction, row["history"])])
    if history:
        parts.append(history)
    if not native_tools:
        parts.append("\n".join(["Candidate tools:", *map(_render_tool, row["candidate_tools"])]))
        parts.append(_OUTPUT_FORMAT)
    return [{"role": "system", "content": "\n\n".join(parts)}, {"role": "user", "content": row["instruction"]}]


def render_interaction(interaction: dict) -> str:
    """A past call as a prompt shows it, on one line."""
    shown = {"instruction": interaction["instruction"]}
    if interaction["rating"] is not None:  # before the tool's name: who reads the name knows the rating already
        shown["rating"] = interaction["rating"]
    shown["tool_name"] = interaction["tool_name"]
    if interaction.get("provider_description"):  # rows of earlier versions have none
        shown["provider_description"] = interaction["provider_description"]
    return on_one_line({**shown, "parameters": json.loads(interaction["parameters"])})


def _render_tool(tool: dict) -> str:
    shown: dict[str, Any] = {"tool_name": tool["tool_name"], "tool_description": tool["tool_description"]}
    if tool["provider_description"]:
        shown["provider_description"] = tool["provider_description"]
    parameters = {kind: list(map(_shown_parameter, tool[kind])) for kind in PARAMETER_KINDS}
    return on_one_line({**shown, **parameters, **shown_schema(tool)})


def _shown_parameter(parameter: dict) -> dict[str, Any]:
    shown = {name: value for name, value in parameter.items() if name not in ("default", "schema")}
    return {**shown, "default": default_of(parameter), **shown_schema(parameter)}


def shown_schema(documented: dict) -> dict[str, Any]:
    schema = _without_titles(json.loads(documented["schema"])) if documented.get("schema") else {}
    return {} if isinstance(schema, dict) and not schema.keys() - {"type"} else {"schema": schema}


def _without_titles(schema: Any) -> Any:
    """A JSON Schema without its titles, which repeat names, and without the name of its dialect."""
    if isinstance(schema, list):
        return [_without_titles(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: part for key, part in schema.items() if key not in ("title", "$schema") or not isinstance(part, str)}
    return {key: part if key in ("enum", "const") else _without_titles(part) for key, part in kept.items()}


def on_one_line(value: Any) -> str:
    """JSON text in which characters that could end the line or hide text are escaped."""
    return _UNSEEN.sub(lambda unseen: json.dumps(unseen.group())[1:-1], to_json_text(value))


def default_of(parameter: dict) -> Any:
    """A parameter's documented default, decoded from its JSON text; `None` if it has none."""
    return None if parameter["default"] is None else json.loads(parameter["default"])


_DESCRIPTIONS = {name: setting.description for name, setting in SETTINGS.items()} | {
    SELECTIVITY: "The instruction states a need against the user's taste, or nothing is known of the taste."
}


def _source_files(data_dir: str | None) -> list[Path]:
    path = Path(data_dir or "petoolbench")
    if path.is_file():
        return [path]
    if (path / "export.jsonl").exists():
        return [path / "export.jsonl"]
    return sorted(path.glob("data/*/*.parquet")) or sorted([*path.glob("*.json"), *path.glob("*.json.gz")])


def _may_hold(file: Path, config: str, split: str) -> bool:
    """Whether a source file can have rows of this config and split; released files are all test."""
    if file.suffix == ".parquet":
        return file.parent.name == config and file.name.startswith(f"{split}-")
    if file.suffix == ".jsonl":
        with open(file, encoding="utf-8") as lines:
            return any(json.loads(line)["split"] == split for line in lines)
    return split == "test"


def _read_rows(file: Path, split: str) -> Iterator[dict]:
    for row in _written_rows(file, split):
        is_complete = "schema" in row["candidate_tools"][0]  # a loading script has no toolkit, and needs none then
        yield row if is_complete else importlib.import_module("petoolkit.row_form").completed(row)


def _written_rows(file: Path, split: str) -> Iterator[dict]:
    if file.suffix == ".parquet":
        import datasets

        yield from datasets.Dataset.from_parquet(os.fspath(file), keep_in_memory=True)
    elif file.suffix == ".jsonl":
        with open(file, encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                if row.pop("split") == split:
                    yield row
    else:
        yield from (row for row, _ in importlib.import_module("petoolkit.released").read_released(file))


def _made_with_datasets() -> dict[str, Any]:
    """`FEATURES`, and the builder's two classes."""
    import datasets

    def features_of(column: Any) -> Any:
        if isinstance(column, dict):
            return {name: features_of(part) for name, part in column.items()}
        return [features_of(column[0])] if isinstance(column, list) else datasets.Value(column)

    features = datasets.Features(features_of(COLUMNS))
    version = datasets.Version("1.0.0")

    class PEToolBenchConfig(datasets.BuilderConfig):
        """One config. The cache key holds the source files' sizes and times: edited files are read again."""

        def create_config_id(self, config_kwargs: dict, custom_features: Any = None) -> str:
            config_id = super().create_config_id(config_kwargs, custom_features)
            files = [(str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in _source_files(self.data_dir)]
            return f"{config_id}-{hashlib.sha256(repr(files).encode()).hexdigest()[:16]}"

    class PEToolBench(datasets.GeneratorBasedBuilder):
        """Builds the dataset out of `data_dir`: one config a setting, and `selectivity` with the other kinds of rows.

        `data_dir` is a dataset's folder (parquet), a build's run folder (`export.jsonl`), or a released test file or
        folder of them (`.json`, `.json.gz`); by default the folder `petoolbench` beside the current one.
        """

        VERSION = version
        BUILDER_CONFIG_CLASS = PEToolBenchConfig
        BUILDER_CONFIGS = [  # noqa: RUF012 (the name and type that `datasets` asks for)
            PEToolBenchConfig(name=name, version=version, description=description)
            for name, description in _DESCRIPTIONS.items()
        ]

        def _info(self) -> datasets.DatasetInfo:
            description = f"Personalised tool use: {_DESCRIPTIONS[self.config.name]}"
            return datasets.DatasetInfo(description=description, features=features, citation=CITATION)

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
                        if config_of(row) == self.config.name:
                            yield row["id"], row

    return {"FEATURES": features, "PEToolBenchConfig": PEToolBenchConfig, "PEToolBench": PEToolBench}


# What else belongs to the public names of this module.
_IN_PETOOLKIT = ("Selector", "ToolCall", "audit", "breaches", "evaluate", "load", "parse_reply", "score")
if TYPE_CHECKING:
    from petoolkit.api import Selector, ToolCall, audit, breaches, evaluate, load, parse_reply, score  # noqa: F401


def __dir__() -> list[str]:
    return [*globals(), *(_IN_PETOOLKIT if importlib.util.find_spec("petoolkit") else ())]  # a script has no toolkit


def __getattr__(name: str) -> Any:
    """Names that take time to import, made when they are first asked for: `datasets` alone takes a second."""
    if name in _IN_PETOOLKIT:
        return getattr(importlib.import_module("petoolkit.api"), name)
    if name in ("FEATURES", "PEToolBench", "PEToolBenchConfig"):
        globals().update(_made_with_datasets())
        return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if "datasets" in sys.modules:  # who runs this as a loading script looks for the class among the module's own names
    globals().update(_made_with_datasets())
