"""The server: every method of the service over any backend."""
