"""Names the extra where a package of the daemon is missing; imported before all that needs them.

Apart from the rest, so that a configuration is checked without gRPC.
"""

from ratatoskr._extras import require_extra

for _module in ("grpc_health.v1.health", "grpc_reflection.v1alpha.reflection"):
    require_extra(_module, "service", why="daemons")
