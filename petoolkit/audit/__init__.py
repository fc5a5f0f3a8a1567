"""The audit of a dataset: what rules that know no preference score on it, and what its rows give away."""
