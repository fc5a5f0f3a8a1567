"""A selector's recipe: the builds that it is fitted on, and how."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from petoolbench import InputError
from petoolkit.decoding import read_yaml
from petoolkit.embedding import DEFAULT_MODEL
from petoolkit.shipped import recipe_path


def _known_recipe(name: str) -> str:
    recipe_path("build", name)
    return name


class SelectorRecipe(BaseModel):
    """What a recipe in `recipes/selector/` holds."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    builds: Annotated[list[Annotated[str, AfterValidator(_known_recipe)]], Field(min_length=1)]  # recipes of builds
    embedding_model: str = DEFAULT_MODEL
    construction: bool = False  # whether what is true of how benchmarks are made only is weighed too
    descriptions: bool = True  # whether it reads what providers are like; false for data that do not say it
    # In which share of the rows with dislikes a past call is added: of a rival, asked for the same and disliked.
    asked_before: Annotated[float, Field(ge=0, le=1)] = 0
    seed: int = 0


def load_selector_recipe(path: Path) -> SelectorRecipe:
    """Read and check a recipe.

    Raises:
        InputError: naming the file and the key.
    """
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise InputError(f"recipe {path} should hold `key: value` lines.")
    try:
        return SelectorRecipe.model_validate(content)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"]))
        if problem["type"] == "extra_forbidden":
            known = ", ".join(SelectorRecipe.model_fields)
            raise InputError(f"recipe {path}: unknown key `{key}`; known are {known}.") from None
        message = str(problem["ctx"]["error"]) if problem["type"] == "value_error" else problem["msg"].lower()
        raise InputError(f"recipe {path}: `{key}`: {message.rstrip('.')}.") from None
