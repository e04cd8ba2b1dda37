//! The HTTP client: pools, deadlines, limits, and bodies turned into events. It knows nothing of Python.
