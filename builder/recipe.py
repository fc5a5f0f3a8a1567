"""A build's settings: a YAML file, checked key by key, with options of the command line over it."""

import random
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from petoolbench import InputError
from petoolkit.embedding import DEFAULT_MODEL
from petoolkit.endpoint.llm_settings import Count, LlmSettings

Share = Annotated[float, Field(gt=0, lt=1)]
AuthorName = Literal["offline", "openai"]


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CollectSettings(_Settings):
    """Stage 1."""

    max_description: Annotated[int, Field(ge=50)] = 800  # characters; longer descriptions are cut, with a mark


class GroupSettings(_Settings):
    """Stage 3."""

    model: str = DEFAULT_MODEL
    eps: Share  # cosine distance within which two functionality descriptions are neighbours
    min_samples: Count = 2
    sweep: list[Share] = []  # further values of eps to report on


class PreferSettings(_Settings):
    """Stage 4."""

    neighbours: Annotated[int, Field(ge=0)] = 5  # tools nearest in attributes, fetched for each preferred tool
    # How often a further group is drawn from the gold tool's category, where the gold tool's rivals are; 0 draws from
    # all, and the providers that a user dislikes are then seldom among the candidates.
    same_category: Annotated[float, Field(ge=0, le=1)] = 0
    # Whether the rivals, providers that could do the gold tool's job too, are what a user dislikes, and never likes:
    # what the history says of the candidates' providers then decides between them.
    dislike_rivals: bool = False


class HistorySettings(_Settings):
    """Stage 5."""

    min_length: Count = 5
    max_length: Count = 20
    min_disliked: Share = 0.2  # of a mixed history's calls
    max_disliked: Share = 0.45

    @model_validator(mode="after")
    def _in_order(self) -> "HistorySettings":
        if self.min_length > self.max_length or self.min_disliked > self.max_disliked:
            raise ValueError("the minimum is above the maximum")
        return self


class CandidateSettings(_Settings):
    """Stage 7."""

    number: Annotated[int, Field(ge=2)] = 10
    same_function: Annotated[int, Field(ge=2)] | None = None  # at most, the gold tool included; all that fit, if null
    retrieved: Annotated[int, Field(ge=0)] = 5
    retriever: str | None = None  # any sentence-transformers model; by default the grouping's


class ExportSettings(_Settings):
    """Stage 8."""

    split: Literal["user", "tool", "function"] = "user"
    test_share: Share = 0.25
    # `brief`: of a candidate tool, what it does in a few words, and its parameters' names and types.
    documents: Literal["full", "brief"] = "full"


class AuthorSettings(_Settings):
    """Who writes each stage."""

    understand: AuthorName = "offline"
    history: AuthorName = "offline"
    instruct: AuthorName = "offline"


class Recipe(_Settings):
    """Everything that decides what a build writes."""

    catalogue: list[str] = ["embedded"]
    author: AuthorSettings = AuthorSettings()  # a name alone stands for all three stages
    llm: LlmSettings = LlmSettings()
    seed: int = 0
    users: Count
    collect: CollectSettings = CollectSettings()
    group: GroupSettings
    prefer: PreferSettings = PreferSettings()
    history: HistorySettings = HistorySettings()
    candidates: CandidateSettings = CandidateSettings()
    export: ExportSettings = ExportSettings()

    @field_validator("author", mode="before")
    @classmethod
    def _one_name_for_all(cls, author: Any) -> Any:
        return dict.fromkeys(AuthorSettings.model_fields, author) if isinstance(author, str) else author

    @model_validator(mode="after")
    def _embedding_price_known(self) -> "Recipe":
        prices = self.llm.prices
        if prices and prices.embedding is None and self._endpoint_embeds:
            raise ValueError("llm.prices needs `embedding`, since an embedding model of the endpoint is used")
        return self

    @property
    def _endpoint_embeds(self) -> bool:
        return any(name.startswith("openai:") for name in (self.group.model, self.candidates.retriever or ""))

    @property
    def asks_a_model(self) -> bool:
        """Whether anything is asked of the endpoint in `llm`."""
        return "openai" in self.author.model_dump().values() or self._endpoint_embeds

    @property
    def authors(self) -> str:
        """Who writes, in words for a card: one name, or each stage's."""
        by_stage = self.author.model_dump()
        names = set(by_stage.values())
        return names.pop() if len(names) == 1 else ", ".join(f"{stage}: {name}" for stage, name in by_stage.items())


def load_recipe(path: Path, llm: dict[str, Any] | None = None, **overrides: Any) -> Recipe:
    """Read and check a recipe.

    Args:
        path: of the YAML file.
        llm: what is not None replaces keys of its section `llm`.
        overrides: what is not None replaces its top-level keys.

    Raises:
        InputError: naming the file and the key.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"recipe {path} does not exist; recipes ship in recipes/build/.") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"recipe {path} cannot be read: {' '.join(str(error).split())}.") from None
    if not isinstance(content, dict):
        raise InputError(f"recipe {path} should hold `key: value` lines.")
    content |= {key: value for key, value in overrides.items() if value is not None}
    if asked := {key: value for key, value in (llm or {}).items() if value is not None}:
        content["llm"] = {**(content.get("llm") or {}), **asked}
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise InputError(f"recipe {path}: {'; '.join(_problems(error))}.") from None


def _problems(error: ValidationError):
    for problem in error.errors():
        key = ".".join(map(str, problem["loc"]))
        if problem["type"] == "extra_forbidden":
            yield f"unknown key `{key}`; known are {', '.join(_known_keys(problem['loc'][:-1]))}"
        else:
            yield f"`{key}`: {problem['msg'].lower()}"


def _known_keys(place: tuple) -> list[str]:
    model: Any = Recipe
    for key in place:
        model = model.model_fields[key].annotation
    return list(model.model_fields)


def record_rng(seed: int, stage: str, record_id: str) -> random.Random:
    """Chance belongs to the record: rebuilding one record alone, in any order, gives the same one."""
    return random.Random(f"{seed}:{stage}:{record_id}")
