"""The server: every method of the service over any backend."""

import ratatoskr.service.pb  # noqa: F401  # names the extra where gRPC is missing
