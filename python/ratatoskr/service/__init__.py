"""The daemon that serves a gateway to other processes, and the client that reaches it, over gRPC."""
