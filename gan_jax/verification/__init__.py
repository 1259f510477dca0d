"""Checks of the mathematics of losses, penalties and update rules, shipped or a user's own."""
