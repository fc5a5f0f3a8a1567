"""Writing a dataset, or evaluations, in another form."""

from pathlib import Path

from petoolbench import InputError, check_choice
from petoolkit.exporter.export_form import check_out
from petoolkit.exporter.export_forms import FORMS
from petoolkit.files import replacing


def export_dataset(form: str, dataset: str, out: Path, revision: str | None = None) -> dict[str, int]:
    """Write a dataset, or evaluations, in another form, all files or none.

    Args:
        form: the name of one of `FORMS`.
        dataset: a folder or a Hub id; for a form of results, a folder with evaluations.
        out: a folder that is not there yet, or empty.
        revision: branch, tag or commit of a dataset on the Hub.

    Returns:
        Numbers of rows by file, and of rows left out by the reason.

    Raises:
        InputError: for an unknown form, a folder that holds something, or a dataset or evaluations that cannot be
            read or give nothing in this form.
    """
    check_choice(form, list(FORMS), "form")
    check_out(out)
    exported = FORMS[form].of(dataset, revision)
    exported.check_out(out)
    with exported.held(), replacing(out) as beside:
        beside.mkdir(parents=True)
        counts = FORMS[form].write(exported, beside)
        if not any(file.is_file() for file in beside.rglob("*")):
            reasons = "".join(f" ({why}: {number:,})" for why, number in counts.items())
            raise InputError(f"{dataset} has no rows for the form {form}{reasons}; give another dataset or form.")
    return dict(counts)
