"""Metrics: pure functions from arrays to numbers, one method a file."""
