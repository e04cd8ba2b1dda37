"""The daemon compared with a bare echo of gRPC, with other proxies, and with itself beside readers that stall."""
