"""HTTP: sends requests, and returns the bytes, events and statuses of replies. It neither parses JSON nor retries."""
