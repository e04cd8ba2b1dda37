"""Models on disk: what is known by name, what was pulled, and whether it is still what it was."""
