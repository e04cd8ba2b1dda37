"""The daemon `ratd`: listeners, clients, limits, log and administration around the server."""
