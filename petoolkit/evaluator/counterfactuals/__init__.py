"""Rows of a benchmark changed in one thing, and what a model that follows preference is expected to score on them."""
