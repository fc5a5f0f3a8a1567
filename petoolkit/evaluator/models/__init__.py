"""Whom an evaluation asks: language models of all kinds, and rules."""
