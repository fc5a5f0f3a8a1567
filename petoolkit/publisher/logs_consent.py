"""A publisher's word that logs of real calls may be published."""

from typing import TYPE_CHECKING

from petoolbench import InputError
from petoolkit.text import listing

if TYPE_CHECKING:
    from petoolkit.dataset_record import DatasetRecord

OPTION = "--i-may-publish-logs"
_FINDINGS = "personal things and secrets"  # in the record's counts


def check_dataset_of_logs(record: "DatasetRecord | None", may_publish: bool) -> None:
    """Raise `InputError` if a dataset was made of logs, and the publisher did not say that they may be published."""
    if record is None or record.origin != "logs" or may_publish:
        return
    found = record.counts.get(_FINDINGS, {})
    numbers = listing([f"{what} ({number:,})" for what, number in found.items()], len(found))
    how = record.logs or {}
    replaced = "replaced in the rows" if how.get("redacted") == "yes" else "not replaced (import with --redact)"
    what = f"{numbers}, {replaced}" if found else "no e-mail address, telephone number or key"
    raise InputError(
        "these rows are requests that real people made, with what they preferred; names of users are "
        f"{how.get('user names', 'not known')}. When they were imported, a search found {what}; it does not find "
        f"names, streets or the like. If these people, and the law, let you publish them, give {OPTION}."
    )


def check_replies_to_logs(names: list[str], what: str, may_publish: bool) -> None:
    """The same for what models, or a person, made of such rows.

    Args:
        names: of datasets or evaluations that were made of logs; nothing is asked if there are none.
        what: is published, such as `replies`.
        may_publish: whether the publisher said so.

    Raises:
        InputError: if there are some.
    """
    if names and not may_publish:
        raise InputError(
            f"the {what} of {listing(names)} are about requests that real people made, and repeat parts of them; "
            f"leave them out, or if you may publish them, give {OPTION}."
        )
