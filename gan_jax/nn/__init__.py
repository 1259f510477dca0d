"""Pieces that networks are made of: activations, initializers, layers, convolutions, heads, labels beside inputs."""
