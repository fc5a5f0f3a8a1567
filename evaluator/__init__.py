"""Benchmark + model -> predictions -> scores."""
