"""What the faults do, in files by the part of a response that suffers."""
