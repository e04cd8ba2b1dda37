"""What the wire dialects share: the seam between a dialect and its glue, the turn that a decoder fills, careful JSON.

A dialect is a package `NAME_wire` with `encode_request`, `decode_response`, `decode_error`, `StreamDecoder` and
`PARAMETERS`. It is pure: no I/O, no clock, no environment.
"""
