"""A gateway in another process: the messages of the daemon, its client and its server, over gRPC."""
