"""Benchmarks: ratios measured in one run, never seconds compared between machines."""
