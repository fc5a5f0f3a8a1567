"""The command `petoolbench export`."""

from pathlib import Path

import click

from petoolkit.console import make_console
from petoolkit.evaluator.evaluate_commands import revision_option


class _FormHelp(click.Command):
    """Its help lists the forms, which are imported only then."""

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        from petoolkit.exporter.export_forms import FORMS

        with formatter.section("Forms"):
            formatter.write_dl([(form.name, form.description) for form in FORMS.values()])


@click.command(cls=_FormHelp)
@click.argument("form")
@click.argument("source")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="A new folder for the files."
)
@revision_option
def export(form, source, out, revision) -> None:
    """Write a dataset, or results, in the form of another program, such as a trainer or a harness.

    FORM is one of those below. SOURCE is a dataset, a folder or a Hub id; for every-eval-ever it is a folder that
    `evaluate --out` wrote, or one that holds several of them.
    """
    from petoolkit.exporter.export_dataset import export_dataset

    console = make_console(soft_wrap=True)
    for what, number in export_dataset(form, source, out, revision).items():
        console.print(f"{what}: {number:,}", markup=False, highlight=False)
    console.print(f"Written to {out}/", markup=False, highlight=False)
