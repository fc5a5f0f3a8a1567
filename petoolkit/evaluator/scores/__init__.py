"""Replies to judgements, scores, intervals and comparisons."""
