"""The daemon `ratd`: listeners, clients, limits, log and administration around the server."""

from ratatoskr._extras import require_extra

for _module in ("grpc_health", "grpc_reflection"):
    require_extra(_module, "service", why="daemons")
