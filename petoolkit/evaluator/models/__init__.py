"""The models of an evaluation: language models of several kinds, and rules."""
