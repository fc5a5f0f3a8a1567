"""Logs of real tool calls -> a dataset folder: reads, checks, splits, writes and audits."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from petoolbench import InputError
from petoolkit.audit.audit import audit_rows
from petoolkit.audit.write_audit import audit_folder
from petoolkit.audit_record import AuditRecord, rows_hash
from petoolkit.console import make_console
from petoolkit.dataset_record import DatasetRecord, read_dataset_record
from petoolkit.embedding import DEFAULT_MODEL
from petoolkit.folder_lock import locked
from petoolkit.text import counted, listing

from ..catalogue.catalogue_settings import CatalogueSettings
from ..dataset_folder import check_replaceable, write_dataset
from ..encoders import make_encoder
from ..grouping.readable_texts import is_readable
from ..row_statistics import RowStatistics
from ..tools import Tools
from .audit_sample import AuditSample
from .log_call import LogForm
from .log_candidates import FURTHEST, LogCandidates
from .log_files import read_logs
from .log_rows import Asked, LogRows, asked_calls
from .log_split import test_calls
from .logged_tools import LoggedTools
from .logs_options import LogsOptions
from .past_calls import CallsOfUsers, PastCall
from .redaction import Redactor
from .user_names import UserNames

_SETTINGS_A_CALL = 3  # at most
AUTHOR = "the users whose calls were logged"


@dataclass(frozen=True)
class LogsReport:
    """What an import did.

    Args:
        record: of the dataset.
        unknown: names of called tools that are not known or not clear, the most frequent first.
        audit: of the rows; `None` if none could be asked.
        why_no_audit: the reason for that, as a sentence.
    """

    record: DatasetRecord
    unknown: list[tuple[str, int]]
    audit: AuditRecord | None
    why_no_audit: str | None


def import_logs(
    options: LogsOptions, dataset_folder: Path, console: Console | None = None, replace: bool = False
) -> LogsReport:
    """Make a benchmark of logs, and audit it; no gate of the audit ends the import.

    Args:
        options: what is imported, and how.
        dataset_folder: for the dataset.
        console: for messages; by default the terminal's error stream.
        replace: whether the dataset may replace one that was built or imported otherwise.

    Raises:
        InputError: if a log or a catalogue cannot be read, no call can be asked, or the folder can't be replaced or
            is being written by another process.
    """
    with locked(dataset_folder):
        return _Import(options, dataset_folder, console or make_console(stderr=True)).run(replace)


class _Import:
    def __init__(self, options: LogsOptions, folder: Path, console: Console):
        self._options = options
        self._folder = folder
        self._console = console
        self._counts: dict[str, Counter[str]] = {
            name: Counter() for name in ("catalogue", "log", "rows", "personal things and secrets")
        }
        self._taken: dict[str, dict[str, str]] = {}  # columns by form

    def run(self, replace: bool) -> LogsReport:
        options, counts = self._options, self._counts
        standing = check_replaceable(self._folder, "logs", replace)
        catalogues = [CatalogueSettings.model_validate({"path": path, **options.names}) for path in options.catalogues]
        tools = LoggedTools(catalogues, counts["catalogue"])
        redactor = Redactor(
            options.redact or bool(options.redact_patterns),
            options.redact_patterns,
            counts["personal things and secrets"],
        )
        calls = CallsOfUsers(tools, counts["log"])
        with self._console.status("Reading the log"):
            calls.read(read_logs(options.files, options.columns, counts["log"], self._say_form))
            by_user = self._by_name(calls.by_user())
        asked = {
            user: found
            for user, of_user in by_user.items()
            if (found := asked_calls(of_user, options.holdout, tools, calls.scale, counts["rows"]))
        }
        if not asked:
            raise InputError(self._why_nobody(len(by_user)))
        in_test = test_calls(asked, options.split, options.test_share, options.seed)
        candidates = self._candidates(tools)
        maker = LogRows(tools, candidates, calls.scale, calls.has_times, options.most_history, counts["rows"])
        if standing:
            self._say(f"{self._folder}/ holds {standing}; this import replaces it.")
        number = sum(map(len, asked.values()))
        self._say(f"Writing the rows of {counted(number, 'call')} of {counted(len(asked), 'user')}")
        statistics, sample = RowStatistics(), AuditSample(number * _SETTINGS_A_CALL, options.seed)

        def rows() -> Iterator[tuple[str, dict]]:
            separator = _separator(asked)
            for user in sorted(asked):
                redactor.redact(by_user[user])
                for one in reversed(asked[user]):
                    name = user if one.number == 1 else f"{user}{separator}{one.number}"
                    split = "test" if (user, one.number) in in_test else "train"
                    for row in maker.rows(name, by_user[user], one):
                        counts["rows"][f"{split} rows"] += 1
                        statistics.add(row)
                        sample.add(split, user, row)
                        yield split, row
                del by_user[user]

        def record() -> DatasetRecord:
            return DatasetRecord(
                origin="logs",
                author=AUTHOR,
                split=options.split,
                logs=self._how(calls),
                counts={name: dict(+found) for name, found in counts.items() if +found},
                statistics=statistics.summary() | {"users": len(asked), "asked calls": number},
            )

        write_dataset(self._folder, rows(), record)
        audited, why_not = self._audit(sample)
        written = read_dataset_record(str(self._folder))
        assert written is not None
        return LogsReport(written, calls.unknown.most_common(3), audited, why_not)

    def _candidates(self, tools: LoggedTools) -> LogCandidates:
        encoder = make_encoder(DEFAULT_MODEL, _no_endpoint)
        embedded = Tools(tools.candidates, encoder, FURTHEST)
        known = is_readable([tool["functionality"] for tool in embedded.rows], encoder)
        if unknown := int((~known).sum()):
            self._counts["catalogue"]["without rivals: in a language that the embedding model does not know"] = unknown
        return LogCandidates(embedded, known, self._options.seed)

    def _by_name(self, by_user: dict[str, list[PastCall]]) -> dict[str, list[PastCall]]:
        names = UserNames(self._options.keep_user_names)
        return {names.name(user): calls for user, calls in by_user.items()}

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)

    def _say_form(self, file: Path, form: LogForm, taken: dict[str, str]) -> None:
        """Say how a file is read, once for each way."""
        if self._taken.get(form.name) != taken:
            self._taken[form.name] = dict(taken)
            self._say(f"{file}: read as {form.name}{f', {_listed(taken)}' if taken else ''}")

    def _why_nobody(self, users: int) -> str:
        reasons = [
            f"{name.removeprefix('users left out: ').removeprefix('left out: ')} ({number:,})"
            for counts in (self._counts["log"], self._counts["rows"])
            for name, number in counts.most_common()
            if name.startswith(("left out", "users left out", "not asked"))
        ]
        return (
            f"no call of {counted(users, 'user')} can be asked"
            + (f": {listing(reasons)}" if reasons else "")
            + "; a user needs two usable calls, of which the last was not disliked."
        )

    def _how(self, calls: CallsOfUsers) -> dict[str, object]:
        """How the log was read, for the record and the card."""
        options = self._options
        has_ratings = any("rating" in taken for taken in self._taken.values())
        last = "call" if options.holdout == 1 else f"{options.holdout} calls"
        return {
            "read as": {form: _listed(taken) for form, taken in self._taken.items()},
            "order": "time" if calls.has_times else "as in the log, which has no times",
            "ratings": calls.scale.description if has_ratings else "none: every call counts as liked",
            "asked": f"the last {last} of each user",
            "longest history": options.most_history,
            "test share": options.test_share,
            "user names": "kept" if options.keep_user_names else "salted hashes",
            "redacted": "yes" if options.redact or options.redact_patterns else "no",
            "seed": options.seed,
        }

    def _audit(self, sample: AuditSample) -> tuple[AuditRecord | None, str | None]:
        """Audit the rows, write it into the folder and its card; or say why that cannot be done."""
        with self._console.status("Auditing"):
            try:
                record = audit_rows(
                    sample.rows, str(self._folder), rows_hash(self._folder), read_dataset_record(str(self._folder))
                )
            except InputError as error:
                return None, str(error)
        if sample.note:
            record = record.model_copy(
                update={"notes": [sample.note, *record.notes], "row_numbers": sample.numbers},
            )
        record.write(self._folder)
        return audit_folder(self._folder, self._console), None


def _listed(columns: dict[str, str]) -> str:
    return ", ".join(f"{field} = {column}" for field, column in columns.items())


def _separator(asked: dict[str, list[Asked]]) -> str:
    """What stands between a user's name and a number, so that no other user has the name that comes of it."""
    separator = "-"
    numbers = {one.number for calls in asked.values() for one in calls if one.number > 1}
    while any(f"{user}{separator}{number}" in asked for number in numbers for user in asked):
        separator += "-"
    return separator


def _no_endpoint():
    raise AssertionError("the embedding model is not one of an endpoint")
