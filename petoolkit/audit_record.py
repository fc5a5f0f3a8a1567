"""The record of an audit: `audit.json`, written and read by one class."""

from pathlib import Path

from pydantic import BaseModel, ValidationError

from petoolbench import InputError
from petoolkit.dataset_record import CHAT
from petoolkit.decoding import read_json
from petoolkit.files import content_hash, replacing
from petoolkit.gate_failed import GateFailed
from petoolkit.text import listing

AUDIT_FILE = "audit.json"


class AuditScore(BaseModel):
    """A share with the bounds of its 95 % interval over blocks (else function groups); `None` where not known."""

    value: float
    low: float | None = None
    high: float | None = None


class SolverScore(AuditScore):
    """The score of one solver in one setting, the function known.

    Args:
        solver: its name.
        description: what it chooses.
        kind: `shortcut`, `blind reader`, `reader` or `oracle`.
        passes: whether the gate lets it pass; `None` for a reader, which has no gate, and where there is no interval.
    """

    solver: str
    description: str
    kind: str
    passes: bool | None = None


class Resolution(BaseModel):
    """What the rows of one setting can show.

    Args:
        rows: their number.
        clusters: number of blocks, or of function groups where there are no blocks.
        correlation: of the correctness of two rows of one cluster (intraclass correlation).
        measured_on: the solver whose correctness gave the correlation; `None` if none varies, and it is taken as 1.
        design_effect: by what the variance of a mean is larger than that of as many independent rows.
        effective_rows: the number of independent rows that show as much.
        smallest_difference: in shares, between two models that answer `disagreement` of the rows differently: found
            in 80 % of trials by a paired test at 5 %.
    """

    rows: int
    clusters: int
    correlation: float
    measured_on: str | None
    design_effect: float
    effective_rows: float
    disagreement: float
    smallest_difference: float


class SettingAudit(BaseModel):
    """One setting.

    Args:
        rows: the rows that the solvers were asked.
        clusters: number of their blocks, or of function groups where there are no blocks.
        ceiling: share that a model gets right which knows the function, and nothing of the user.
        scores: of the solvers.
        not_asked: for each solver that was not asked, why.
        rating_order: where ratings are mixed: the share of pairs of a liked and a disliked call of one history in
            which the liked one comes later (an AUC; 0.5 tells nothing).
        rating_order_passes: whether the gate lets it pass.
        resolution: what the rows can show.
    """

    rows: int
    clusters: int
    ceiling: float
    scores: list[SolverScore]
    not_asked: dict[str, str] = {}
    rating_order: AuditScore | None = None
    rating_order_passes: bool | None = None
    resolution: Resolution


class CountedRows(BaseModel):
    """How many of the audited rows something holds for."""

    name: str
    description: str
    rows: int
    of: int


class Overlap(BaseModel):
    """How many of the test split's values of one kind (`petoolkit.split_rules.SHAREABLE`) training rows have too."""

    name: str
    shared: int
    of: int
    test_rows: int  # rows of the test split with a shared value


class GateResult(BaseModel):
    """One gate: its name, whether it holds, and what was found."""

    name: str
    passes: bool
    finding: str


class AuditRecord(BaseModel):
    """What an audit found, for programs.

    Args:
        rows_hash: identifies the rows (`rows_hash` of a folder, or a dataset's name and commit on the Hub).
        split: of the rows that were solved.
        fitted_on: `train`, or `other blocks` where there is no training split.
        split_by: what training and test rows do not share, as the dataset's record says.
        row_numbers: by config and split.
        users, blocks, groups: numbers in the audited rows.
        settings: by name.
        resolution: of all settings' rows together.
        counts: of the audited rows.
        liked_calls, disliked_calls: in the audited rows' histories, by setting.
        breaches: rows, of all, that break the contract, by rule.
        broken_rules: blocks, of all, that break the controlled design, by rule.
        all_blocks: number of blocks in all splits.
        overlaps: of the splits; empty if there is only one.
        notes: what could not be asked, in sentences.
        gates: all that were asked.
        allowed: names of gates that may fail.
    """

    rows_hash: str
    split: str
    fitted_on: str
    split_by: str | None
    row_numbers: dict[str, dict[str, int]]
    users: int
    blocks: int
    groups: int
    settings: dict[str, SettingAudit]
    resolution: Resolution
    counts: list[CountedRows]
    liked_calls: dict[str, int]
    disliked_calls: dict[str, int]
    breaches: dict[str, int]
    broken_rules: dict[str, int]
    all_blocks: int
    overlaps: list[Overlap] = []
    notes: list[str] = []
    gates: list[GateResult]
    allowed: list[str] = []

    @property
    def failed(self) -> list[GateResult]:
        """The gates that fail and are not allowed to."""
        return [gate for gate in self.gates if not gate.passes and gate.name not in self.allowed]

    def as_bytes(self) -> bytes:
        """The content of `audit.json`."""
        return (self.model_dump_json(indent=2) + "\n").encode()

    def write(self, folder: Path) -> None:
        """Write the record into a folder."""
        with replacing(folder / AUDIT_FILE) as beside:
            beside.write_bytes(self.as_bytes())


def read_audit(folder: Path) -> AuditRecord | None:
    """The audit of a dataset's folder; `None` if there is none, or it is of other rows or of another version."""
    path = folder / AUDIT_FILE
    if not path.is_file():
        return None
    try:
        record = AuditRecord.model_validate(read_json(path))
    except (InputError, ValidationError):
        return None
    return record if record.rows_hash == rows_hash(folder) else None


def rows_hash(folder: Path) -> str:
    """Identifies the rows of a dataset's folder, by the content of its data files (32 hexadecimal digits)."""
    files = (file for file in folder.glob("data/**/*.parquet") if file.parent.name != CHAT)  # made of the rows
    return content_hash(*sorted(files))[:32]


def check_gates(record: AuditRecord, how_to_allow: str) -> None:
    """Raise `GateFailed` if a gate fails and is not allowed to.

    Args:
        record: of the audit.
        how_to_allow: what a user does to let it pass, as a clause.
    """
    if record.failed:
        names = listing([gate.name for gate in record.failed], len(record.failed))
        raise GateFailed(f"the audit's gate fails for {names}; correct the dataset, or {how_to_allow}.")
