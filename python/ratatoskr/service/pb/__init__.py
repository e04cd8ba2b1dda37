"""The messages of the service, generated from `proto/` by `make proto`."""

from ratatoskr._extras import require_extra

for _module in ("grpc", "google.protobuf"):
    require_extra(_module, "client", why="daemons and their clients")
