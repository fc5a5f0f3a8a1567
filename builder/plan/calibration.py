"""What a calibration measured: builds of two catalogues with two numbers of users, and rates of this machine."""

from pydantic import BaseModel, ConfigDict


class _Measured(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PartSize(_Measured):
    """What a part of a command took: a stage of a build, its start, the dataset's files, its audit, an evaluation.

    Args:
        cpu: seconds, of all threads.
        memory: bytes, the most that the process held while it did the part.
        rows: that it made.
        disk: bytes that it wrote and left.
    """

    cpu: float
    memory: float = 0
    rows: float = 0
    disk: float = 0


class MeasuredBuild(_Measured):
    """A build, and an evaluation of a rule on its test rows.

    Args:
        tools, users: of the build.
        parts: by name, in their order.
        texts: distinct texts whose vectors the build needs.
        embedded: how many of them were not kept from an earlier build.
        embedding_cpu: seconds for these; not part of any of `parts`.
    """

    tools: int
    users: int
    parts: dict[str, PartSize]
    texts: int
    embedded: int
    embedding_cpu: float


class AskedOfModel(_Measured):
    """What a language model would be asked for all records of a stage, or all rows of an evaluation.

    Args:
        of: what makes it more: `tools` or `users`.
        number: of these.
        calls: requests, each with a reply that can be used.
        sent, written: tokens, estimated from characters.
    """

    of: str
    number: int
    calls: float
    sent: float
    written: float


class Calibration(_Measured):
    """All that was measured.

    Args:
        date: when, ISO 8601.
        seconds: CPU time of the measurement itself.
        builds: four; two of few tools and two of many, and of each of these one with fewer and one with more users.
        audit_texts: texts that the audits of the builds of few tools embedded, together; and the CPU time of these.
        pair_seconds: CPU time to compare two vectors, each pair once, as the stage `group` does it.
        neighbour_seconds: the same as tools' neighbours are searched, each in all.
        asked: of a language model, by stage.
        asked_in_evaluation: the same for the evaluation of the test rows.
        render_seconds: CPU time of a test row's prompt.
    """

    date: str
    seconds: float
    builds: list[MeasuredBuild]
    audit_texts: tuple[int, float]
    pair_seconds: float
    neighbour_seconds: float
    asked: dict[str, AskedOfModel]
    asked_in_evaluation: AskedOfModel
    render_seconds: float
