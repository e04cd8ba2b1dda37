"""Setting up a gateway: the builder, each provider's configuration, secrets."""
