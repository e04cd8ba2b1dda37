"""Programs as users of the package write them: only public names, checked by mypy --strict."""
