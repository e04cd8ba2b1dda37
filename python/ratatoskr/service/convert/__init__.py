"""Plain data and protobuf messages, both ways: `from_pb(to_pb(x)) == x`.

A text that holds a lone surrogate has no UTF-8 form. In a request it is refused with an `InvalidInput` that names the
field; in an answer, which may have been paid for, it becomes U+FFFD, as in streams.
"""
