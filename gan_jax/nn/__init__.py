"""Pieces that networks are made of: activations, initializers, layers and convolutions."""
