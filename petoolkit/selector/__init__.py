"""A selector: the choice of a tool for a user in milliseconds, by evidence that a small model weighs."""
