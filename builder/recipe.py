"""A build's settings: a YAML file, checked key by key, with options of the command line over it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from petoolbench import InputError, check_choice
from petoolkit.audit.gates import gate_names
from petoolkit.decoding import read_yaml
from petoolkit.embedding import DEFAULT_MODEL
from petoolkit.endpoint.llm_settings import Count, LlmSettings

from .authors import AUTHORS, DEFAULT_AUTHOR, any_asks_a_model, authors_that_ask_a_model
from .catalogue.catalogue_settings import CatalogueSettings
from .encoders import is_of_the_endpoint


def _known_author(name: str) -> str:
    check_choice(name, AUTHORS, "author")
    return name


Share = Annotated[float, Field(gt=0, lt=1)]
AuthorName = Annotated[str, AfterValidator(_known_author)]


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class CollectSettings(_Settings):
    """Stage 1."""

    max_description: Annotated[int, Field(ge=50)] = 800  # characters; longer descriptions are cut, with a mark


class GroupSettings(_Settings):
    """Stage 3."""

    model: str = DEFAULT_MODEL
    eps: Share  # cosine distance within which two functionality descriptions are neighbours
    min_samples: Count = 2
    sweep: list[Share] = []  # further values of eps to report on
    # Cosine distance, at most, of the two tools of a group that are furthest apart.
    max_distance: Annotated[float, Field(gt=0, le=2)] = 0.25
    # In which parameters the tools of a group agree: all; required ones; or none, and an author with a model confirms
    # that each tool can serve an instruction.
    uniform: Literal["parameters", "required", "function"] = "parameters"
    parameterless: bool = False  # whether there are groups of tools that take no parameters


class PreferSettings(_Settings):
    """Stage 4."""

    neighbours: Annotated[int, Field(ge=0)] = 5  # tools nearest in attributes, fetched for each preferred tool
    # How often a further group is drawn from the gold tool's category, where the gold tool's rivals are. With 0 it is
    # drawn from all, and the providers that a user dislikes are then seldom among the candidates.
    same_category: Annotated[float, Field(ge=0, le=1)] = 0
    # Whether a user dislikes the rivals (providers that could do the gold tool's job too) and nothing else. What the
    # history says of the candidates' providers then decides between them.
    dislike_rivals: bool = False
    # Of how many users other tools of a preferred tool's provider, whose attributes are the same, are among its
    # neighbours. Histories then show by name whom the user prefers: to train a selector on, not to test with.
    own_provider: Annotated[float, Field(ge=0, le=1)] = 0


class BlockSettings(_Settings):
    """The controlled design's blocks (`builder.stages.blocks`)."""

    calls_per_trait: tuple[Count, Count] = (1, 2)  # past calls for each of the k traits: a number, or a range
    blocks_per_group: Count | None = None  # at most; as many as the users need, if null
    override_share: Annotated[float, Field(ge=0, le=1)] = 0.1  # of the blocks, those that have such rows too
    no_preference_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    attributes: Literal["catalogue", "assigned"] = "catalogue"
    wording: Literal["as_is", "crossed"] = "as_is"

    @field_validator("calls_per_trait", mode="before")
    @classmethod
    def _one_number_for_both(cls, value: Any) -> Any:
        return (value, value) if isinstance(value, int) else value

    @field_validator("calls_per_trait")
    @classmethod
    def _in_order(cls, value: tuple[int, int]) -> tuple[int, int]:
        if value[0] > value[1]:
            raise ValueError("the minimum is above the maximum")
        return value


class HistoryNeeds(_Settings):
    """Stage 5, as far as stage 4 must know it: how many tools a history takes."""

    min_length: Count = 5
    max_length: Count = 20
    min_disliked: Share = 0.2  # of the calls of a history with disliked tools


class HistorySettings(HistoryNeeds):
    """Stage 5."""

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

    split: Literal["provider", "user", "tool", "function"] = "user"  # in the controlled design, `provider`
    test_share: Share = 0.25
    # `brief`: of a candidate tool, what it does in a few words, and its parameters' names and types.
    documents: Literal["full", "brief"] = "full"


def _known_gate(name: str) -> str:
    check_choice(name, gate_names(), "gate")
    return name


class AuditSettings(_Settings):
    """The audit at a build's end."""

    allow: list[Annotated[str, AfterValidator(_known_gate)]] = []  # gates that may fail; the card says so


_SECTIONS_OF_DESIGN = {"controlled": ("blocks",), "paper": ("prefer", "history")}


class AuthorSettings(_Settings):
    """The author of each stage that has one."""

    understand: AuthorName = DEFAULT_AUTHOR
    history: AuthorName = DEFAULT_AUTHOR
    instruct: AuthorName = DEFAULT_AUTHOR

    def by_stage(self) -> dict[str, str]:
        """The authors' names by stage."""
        return self.model_dump()


class Recipe(_Settings):
    """All settings of a build."""

    design: Literal["controlled", "paper"] = "controlled"
    catalogue: list[CatalogueSettings] = [CatalogueSettings(path="embedded")]
    author: AuthorSettings = AuthorSettings()  # a name alone stands for all three stages
    llm: LlmSettings = LlmSettings()
    seed: int = 0
    users: Count
    collect: CollectSettings = CollectSettings()
    group: GroupSettings
    blocks: BlockSettings = BlockSettings()  # of the controlled design
    prefer: PreferSettings = PreferSettings()  # of the paper's, as is the next
    history: HistorySettings = HistorySettings()
    candidates: CandidateSettings = CandidateSettings()
    export: ExportSettings = ExportSettings()
    audit: AuditSettings = AuditSettings()

    @field_validator("author", mode="before")
    @classmethod
    def _one_name_for_all(cls, author: Any) -> Any:
        return dict.fromkeys(AuthorSettings.model_fields, author) if isinstance(author, str) else author

    @model_validator(mode="before")
    @classmethod
    def _of_one_design(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        is_paper = content.get("design", "controlled") == "paper"
        for key in _SECTIONS_OF_DESIGN["controlled" if is_paper else "paper"]:
            if key in content:
                raise ValueError(
                    f"`{key}` is of the {'controlled' if is_paper else 'paper'} design, and this recipe's is "
                    f"{'paper' if is_paper else 'controlled'}; leave it out, or change `design`"
                )
        export = content.get("export") or {}
        if not is_paper and isinstance(export, dict):
            return {**content, "export": {"split": "provider", **export}}
        if is_paper and isinstance(export, dict) and export.get("split") == "provider":
            raise ValueError("`export.split`: provider is of the controlled design; take user, tool or function")
        return content

    @model_validator(mode="after")
    def _function_can_be_judged(self) -> "Recipe":
        if self.group.uniform != "function":
            return self
        if self.design != "controlled":
            raise ValueError("`group.uniform`: function is of the controlled design; take required or parameters")
        if not AUTHORS[self.author.instruct].asks_a_model:
            choices = " or ".join(authors_that_ask_a_model())
            raise ValueError(
                "`group.uniform`: function needs an author that can judge whether a tool fulfils an instruction; set "
                f"author.instruct: {choices}, or take required or parameters"
            )
        return self

    @model_validator(mode="after")
    def _embedding_price_known(self) -> "Recipe":
        prices = self.llm.prices
        if prices and prices.embedding is None and self._endpoint_embeds:
            raise ValueError("llm.prices needs `embedding`, since an embedding model of the endpoint is used")
        return self

    @property
    def _endpoint_embeds(self) -> bool:
        return any(is_of_the_endpoint(name) for name in (self.group.model, self.candidates.retriever or ""))

    @property
    def needs_attributes(self) -> bool:
        """Whether providers must be described: otherwise each block writes their descriptions."""
        return self.design == "paper" or self.blocks.attributes == "catalogue"

    @property
    def asks_a_model(self) -> bool:
        """Whether an author or an encoder asks the endpoint in `llm`."""
        return any_asks_a_model(self.author.by_stage().values()) or self._endpoint_embeds

    @property
    def authors(self) -> str:
        """The author's name, or the name of each stage's author if they differ."""
        by_stage = self.author.by_stage()
        names = set(by_stage.values())
        return names.pop() if len(names) == 1 else ", ".join(f"{stage}: {name}" for stage, name in by_stage.items())

    def publishable(self) -> dict[str, Any]:
        """The recipe without this machine's folders and addresses, and without a model that was not asked."""
        shown = self.model_dump(exclude={"llm": {"base_url"}})
        for section in _SECTIONS_OF_DESIGN["paper" if self.design == "controlled" else "controlled"]:
            del shown[section]
        shown["catalogue"] = [
            {**said, "path": name} if (said := one.model_dump(exclude_defaults=True, exclude={"path"})) else name
            for one in self.catalogue
            for name in [Path(one.path).name]
        ]
        if not self.asks_a_model:
            del shown["llm"]
        return shown


def load_recipe(path: Path, llm: dict[str, Any] | None = None, **overrides: Any) -> Recipe:
    """Read and check a recipe.

    Args:
        path: of the YAML file.
        llm: values that are not None replace keys of its section `llm`.
        overrides: values that are not None replace its top-level keys.

    Raises:
        InputError: naming the file and the key.
    """
    try:
        content = read_yaml(path)
    except InputError as error:
        hint = "" if path.exists() else " Recipes ship in recipes/build/."
        raise InputError(f"recipe {error}{hint}") from None
    if not isinstance(content, dict):
        raise InputError(f"recipe {path} should hold `key: value` lines.")
    content |= {key: value for key, value in overrides.items() if value is not None}
    given = {key: value for key, value in (llm or {}).items() if value is not None}
    section = content.get("llm") or {}
    if given and isinstance(section, dict):
        content["llm"] = {**section, **given}
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise InputError(f"recipe {path}: {'; '.join(_problems(error))}.") from None


def _problems(error: ValidationError) -> Iterator[str]:
    for problem in error.errors():
        key = ".".join(map(str, problem["loc"]))
        if problem["type"] == "extra_forbidden":
            yield f"unknown key `{key}`; known are {', '.join(_known_keys(problem['loc'][:-1]))}"
        elif problem["type"] == "value_error":
            said = str(problem["ctx"]["error"]).rstrip(".")
            yield f"`{key}`: {said}" if key else said
        else:
            yield f"`{key}`: {problem['msg'].lower()}"


def _known_keys(section: tuple) -> list[str]:
    model: Any = Recipe
    for key in section:
        if isinstance(key, int):  # of an entry of a list, whose form was found with the list
            continue
        annotation = model.model_fields[key].annotation
        kinds = [annotation, *get_args(annotation)]  # a section may be optional (`Prices | None`), or in a list
        model = next(kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel))
    return list(model.model_fields)
