"""The providers' dialects: pure translation between our types and an API's JSON, without I/O, clock or environment.

Each dialect is a package with the same files:

- `shapes`: the vendor's objects as structs, under the vendor's names
- `encode`: a `ChatRequest` as a request: body, tools, tool choice, output format, parameters
- `history`: our messages as the vendor's messages
- `decode`: a complete response body
- `stream`: the events of a stream
- `errors`: an error body

Topics that are too large for these have a file of the same name in every dialect that has one: `media`, `thinking`,
`tools`, `usage`, `citations`, `finish`. The modules here are what the dialects share.
"""
