"""JSON Schemas as each vendor takes them: a table of what they take, and a compiler that says a schema within it.

A schema is rewritten without loss where that is possible. What cannot be said is left out of what is sent (the answer
is still validated by the caller's own type) and told in one notice; where even that does not do, the schema is sent
without `strict`, or as instructions.
"""

from __future__ import annotations

from ratatoskr.wire.schema.send import FormatPlan, ParametersPlan, StrictUse, plan_format, plan_parameters

__all__ = ["FormatPlan", "ParametersPlan", "StrictUse", "plan_format", "plan_parameters"]
