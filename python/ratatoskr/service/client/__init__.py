"""The client: a gateway whose backend is a daemon."""
