"""The client: a gateway whose backend is a daemon."""

import ratatoskr.service.pb  # noqa: F401  # names the extra where gRPC is missing
