"""The APIs of embeddings: one module for each form of request and answer, the same two functions in each.

`encode_request(texts, model, members)` returns the body for some texts, where `members` are the parameters in the
API's own words; `decode_response(body, count)` returns the vectors and the tokens of `count` texts.
"""
