"""Ratatoskr: one gateway from Python to every model."""
