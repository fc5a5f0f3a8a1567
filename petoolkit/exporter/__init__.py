"""Datasets in the forms of other people's programs."""
