"""Data about models: their names, the providers that serve them, and the parameters that they accept."""
