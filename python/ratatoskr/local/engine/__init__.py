"""Models in memory: sessions, batching, worker threads, devices, the memory budget."""
