"""Evaluation: numbers that carry the protocol by which they were measured."""
