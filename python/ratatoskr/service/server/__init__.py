"""The server: every method of the service over any backend.

`Service` is the generic handler of gRPC. For each call it makes a `Call`, asks `ServerHooks` (authentication, limits,
models, log), parses the request, finds the method's `MethodRoute` and answers; whatever fails becomes one status with
details. A daemon adds to that: hooks, listeners (`make_server`, `add_listener`), routes of administration
(`operations=`), and what happens at a reload (`service.backend = …`) and before its end (`service.end_streams`).

A capability is served by a row of `convert.capability.CAPABILITIES`; only streams and what is hidden from callers that
are no administrators have functions in `routes`.
"""

import ratatoskr.service.pb  # noqa: F401  # names the extra where gRPC is missing
