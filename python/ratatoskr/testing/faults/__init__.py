"""The faults, in files by the part of the response that they change."""
