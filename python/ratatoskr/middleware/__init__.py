"""Backends that wrap a backend."""
