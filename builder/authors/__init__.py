"""The table of authors, who write the texts of a build. A further author is one file, and one entry here.

An author's module is imported when the author is made, so that the command line can list the authors at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .author import Author


@dataclass(frozen=True)
class AuthorKind:
    """One way to have a build's texts written.

    Args:
        name: as recipes and the command line have it.
        description: a sentence for the command's help and for a dataset's card.
        made_by: `module:class`, the module's name with a point before it if it is in this folder. The class is called
            with what the next two arguments say.
        reads_tools: whether it is given `tools`, all rows of the stage `collect`, and `engine`, which can read them.
        asks_a_model: whether it asks the language model of a recipe's section `llm`; it is then given `endpoint` (a
            `petoolkit.endpoint.ask.Endpoint`) and `seed`.
        data_files: patterns of the files in the module's folder that its texts depend on, beside the code.
        writers: who writes, for a dataset's card: `Rules`.
        caution: what a reader of its texts should know, for a dataset's card.
    """

    name: str
    description: str
    made_by: str
    reads_tools: bool = False
    asks_a_model: bool = False
    data_files: tuple[str, ...] = ()
    writers: str = "A language model"
    caution: str | None = None

    @property
    def module(self) -> str:
        """The full name of its module."""
        return resolve_name(self.made_by.partition(":")[0], __package__)

    def files(self) -> list[Path]:
        """Its data files, in a fixed order."""
        spec = find_spec(self.module)
        assert spec is not None and spec.origin is not None, self.module
        return sorted(file for pattern in self.data_files for file in Path(spec.origin).parent.glob(pattern))

    def make(self, **materials: Any) -> "Author":
        """The author itself.

        Args:
            materials: `tools`, `engine`, `endpoint` and `seed`, as far as the kind asks for them.
        """
        return getattr(import_module(self.module), self.made_by.partition(":")[2])(**materials)


AUTHORS: dict[str, AuthorKind] = {
    kind.name: kind
    for kind in (
        AuthorKind(
            "offline",
            "Rules write, out of the tools' documents, without a key or a network.",
            ".offline:OfflineAuthor",
            reads_tools=True,
            data_files=("offline_words.yaml", "offline_values.yaml"),
            writers="Rules",
            caution="What the `offline` author writes is for pipelines, tests and first comparisons; it is not a "
            "language model's writing and not real users' requests.",
        ),
        AuthorKind(
            "openai",
            "A language model behind an OpenAI-compatible endpoint ($OPENAI_API_KEY) writes, and its replies are "
            "checked.",
            ".openai:OpenAIAuthor",
            asks_a_model=True,
            data_files=("prompts/*.jinja",),
        ),
    )
}
DEFAULT_AUTHOR = "offline"


def authors_that_ask_a_model() -> list[str]:
    """The names of the authors that ask a language model."""
    return [kind.name for kind in AUTHORS.values() if kind.asks_a_model]


def any_asks_a_model(names: Iterable[str]) -> bool:
    """Whether one of these authors asks a language model."""
    return any(AUTHORS[name].asks_a_model for name in names)
