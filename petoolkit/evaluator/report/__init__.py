"""One report about several evaluations, in the forms that were asked for."""

from petoolkit.evaluator.report.write_report import write_report

__all__ = ["write_report"]
