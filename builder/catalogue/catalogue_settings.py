"""Where a catalogue is, and the names that its tools get."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

PROVENANCE = ("licence", "source")  # keys that say where documents are from, on which no row depends


class CatalogueSettings(BaseModel):
    """One catalogue of a build; its path alone, as text, stands for one without names.

    Args:
        path: a file, a folder, `embedded` or `embedded/CATEGORY`.
        category, provider, provider_description: of all its tools, instead of what the catalogue says, unless `None`.
        background: whether its tools only fill past calls and lists of candidates, and are never what is asked for.
        licence: of its documents, such as `cc-by-4.0`; a published dataset says it, and no row depends on it.
        source: where its documents are from, such as an address; likewise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    category: str | None = None
    provider: str | None = None
    provider_description: str | None = None
    background: bool = False
    licence: str | None = None
    source: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _a_path_alone(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value

    @property
    def names(self) -> dict[str, str]:
        """The names that are given."""
        return self.model_dump(exclude={"path", "background", *PROVENANCE}, exclude_none=True)
