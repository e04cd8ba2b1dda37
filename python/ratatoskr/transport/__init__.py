"""Bytes out, events in, status into errors; no provider's JSON, no retry."""
