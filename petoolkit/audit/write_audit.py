"""Writing an audit: for programs, for people, as a picture; and into a dataset's card."""

from pathlib import Path

from rich.console import Console

from petoolkit.audit.audit import audit
from petoolkit.audit_figure import draw_audit
from petoolkit.audit_record import AUDIT_FILE, AuditRecord, read_audit
from petoolkit.audit_tables import audit_section
from petoolkit.engines.engine import HERE, Engine
from petoolkit.extras import missing_package
from petoolkit.files import replacing

_SLOT = "<!-- petoolbench push: audit -->"
_PICTURE, _TEXT = "audit.png", "audit.md"


def write_audit(record: AuditRecord, dataset: str, out: Path | None, console: Console) -> Path:
    """Write `audit.json`, and into a folder other than the dataset's, `audit.md` and its picture beside it.

    Args:
        record: of the audit.
        dataset: a folder or a Hub id.
        out: the folder; by default the dataset's, or for one on the Hub `audit/<name>`.
        console: for a word on a missing package.

    Returns:
        The path of what was written: the file in the dataset's folder, or `out`.
    """
    if out is None and Path(dataset).is_dir():
        record.write(Path(dataset))
        return Path(dataset) / AUDIT_FILE
    folder = out or Path("audit") / dataset.rpartition("/")[2]
    folder.mkdir(parents=True, exist_ok=True)
    record.write(folder)
    picture = draw_audit(record)
    if picture is None:
        message = missing_package("The audit gets no picture: it needs", "matplotlib", "report")
        console.print(str(message), markup=False, highlight=False)
    else:
        _write(folder / _PICTURE, picture[0])
    _write(folder / _TEXT, f"{audit_section(record, _PICTURE if picture else None)}\n".encode())
    return folder


def with_audit(card: str, section: str) -> str:
    """A card's text with an audit's section in its slot or instead of an earlier one, else before the citation."""
    if _SLOT in card:
        return card.replace(_SLOT, section)
    before, heading, rest = card.partition("\n## Audit\n")
    if heading:
        _, next_heading, after = rest.partition("\n## ")
        return f"{before}\n{section}\n{next_heading}{after}"
    before, heading, rest = card.partition("\n## Citation")
    return f"{before.rstrip()}\n\n{section}\n{heading}{rest}"


def audit_folder(folder: Path, console: Console, engine: Engine = HERE) -> AuditRecord:
    """Audit the rows of a dataset's folder, unless that was done, and write the record and the card's section.

    Args:
        folder: that `petoolbench build` or `petoolbench import` wrote.
        console: for bars.
        engine: does the work.

    Returns:
        The record; its gates are not enforced (`petoolkit.audit_record.check_gates`).
    """
    known = read_audit(folder)
    record = known or audit(str(folder), None, console, engine=engine)
    if known is None:
        record.write(folder)
    card = folder / "README.md"
    text = card.read_text(encoding="utf-8")
    if (audited := with_audit(text, audit_section(record))) != text:
        _write(card, audited.encode())
    return record


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as beside:
        beside.write_bytes(content)
