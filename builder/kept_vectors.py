"""Embeddings as files of a build's run: made once, and what stages depend on."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from petoolbench import InputError
from petoolkit.decoding import read_json
from petoolkit.files import content_hash
from petoolkit.vector_file import KeptEncoder, write_vectors

from .stage_arguments import EncoderNamed, Materials
from .stage_notes import Notes

if TYPE_CHECKING:
    from petoolkit.embedding import TextEncoder

_PREFIX, _ENDING = "vectors-", ".npy"


@dataclass(frozen=True)
class TextsOf:
    """Texts that are embedded.

    Args:
        stage: whose rows have them; rejected rows have none.
        column: in which they are.
        noun: names them in messages.
    """

    stage: str
    column: str
    noun: str

    def read(self, materials: Materials) -> Iterator[str]:
        """All of them."""
        return (row[self.column] for row in materials.run.rows(self.stage) if not row["rejected"])


FUNCTIONS = TextsOf("understand", "functionality", "functionality descriptions")
ATTRIBUTES = TextsOf("understand", "attributes", "attribute descriptions")
INSTRUCTIONS = TextsOf("instruct", "instruction", "instructions")


class KeptVectors(EncoderNamed):
    """An embedding model whose vectors of some texts are kept in files of the run's folder.

    They are embedded when they are first needed, and not again: not on another machine that goes on with the folder,
    and not by workers. Rows depend on the files, whatever made them.

    Args:
        names: keys of the recipe, of which the first that is set names the model.
        of: the texts.
    """

    def __init__(self, *names: str, of: tuple[TextsOf, ...]):
        super().__init__(*names)
        self._of = of

    def stages(self) -> tuple[str, ...]:
        """See `Argument`."""
        return tuple(dict.fromkeys(texts.stage for texts in self._of))

    def key(self, materials: Materials) -> Any:
        """The weights of the model, and the files' hashes; they are written first, if they are not there."""
        encoder = self._encoder(materials)
        hashes = [_kept(materials, texts, encoder)["sha256"] for texts in self._of]
        return {"model": encoder.fingerprint, "vectors": hashes}

    def value(self, materials: Materials, notes: Notes) -> KeptEncoder:
        """See `Argument`."""
        encoder = self._encoder(materials)
        for texts in self._of:
            _kept(materials, texts, encoder)
        return KeptEncoder(encoder, [materials.run.shared(_path(materials, texts, encoder)) for texts in self._of])


def made_with(materials: Materials) -> dict[str, dict[str, Any]]:
    """What each file of vectors of a build was made with, by the column of the texts and the model."""
    return {
        name.removeprefix(_PREFIX).removesuffix(_ENDING): {"sha256": known["sha256"], **known["made_with"]}
        for name, known in sorted(materials.vectors.items())
    }


def _path(materials: Materials, texts: TextsOf, encoder: "TextEncoder") -> Path:
    return materials.run.folder / f"{_PREFIX}{texts.column}-{encoder.fingerprint[:8]}{_ENDING}"


def _kept(materials: Materials, texts: TextsOf, encoder: "TextEncoder") -> dict[str, Any]:
    """What is known of a file of vectors, which is written if it is not there."""
    run, path = materials.run, _path(materials, texts, encoder)
    key = {"rows": run.manifest(texts.stage).get("sha256"), "model": encoder.fingerprint}
    known = materials.vectors.get(path.name)
    if known is None:
        known = _recorded(path)
    if known is None or known["key"] != key:
        number = write_vectors(path, texts.read(materials), encoder, texts.noun)
        known = {"key": key, "texts": number, "made_with": encoder.made_with, "sha256": content_hash(path)}
        run.record(path.stem, known)
    materials.vectors[path.name] = known
    return known


def _recorded(path: Path) -> dict[str, Any] | None:
    """What is recorded of a file; `None` if it is not there, or another one than was recorded."""
    try:
        known = read_json(path.with_suffix(".json"))
        return known if content_hash(path) == known["sha256"] and known.keys() >= {"key", "made_with"} else None
    except (InputError, OSError, KeyError, TypeError):
        return None
