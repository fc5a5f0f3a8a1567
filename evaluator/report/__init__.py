"""Evaluation folders -> one report: HTML, Markdown with pictures, JSON."""

from evaluator.report.page import write_report

__all__ = ["write_report"]
