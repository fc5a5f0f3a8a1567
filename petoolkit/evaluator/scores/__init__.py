"""Scores of replies: judgements, metrics with intervals, comparisons."""
