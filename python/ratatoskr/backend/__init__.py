"""What answers a gateway's requests: one narrow method a capability, over routing, the registry and the providers."""
