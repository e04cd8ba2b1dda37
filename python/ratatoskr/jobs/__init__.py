"""Jobs over files: every text gets its vector, labels or tokens, in bounded memory; a killed job can be continued.

    from ratatoskr.jobs import ClassifyJob, EmbedJob, run
    summary = await run(EmbedJob("texts.jsonl", "vectors.parquet", model), gateway)
    summary = await run(ClassifyJob("texts.csv", "labelled.csv", model, labels=["refund", "praise"]), gateway)

`run_sync` does the same without `await`. Vectors can be searched, exactly and in bounded memory:

    from ratatoskr.jobs import search
    matches = await search("vectors.parquet", "who carries words?", gateway)

Parquet and Arrow need the extra `[jobs]`; JSONL, CSV and `.npy` need nothing.
"""

from ratatoskr.jobs.blocking import run_sync
from ratatoskr.jobs.job import Job
from ratatoskr.jobs.kinds import ClassifyJob, EmbedJob, NliJob, StanceJob, TokensJob
from ratatoskr.jobs.models import digest_of
from ratatoskr.jobs.progress import OnProgress, Progress, Summary
from ratatoskr.jobs.runner import run
from ratatoskr.jobs.vector_file import Match, Metric, VectorFile
from ratatoskr.jobs.vector_search import search, search_sync

__all__ = [
    "ClassifyJob",
    "EmbedJob",
    "Job",
    "Match",
    "Metric",
    "NliJob",
    "OnProgress",
    "Progress",
    "StanceJob",
    "Summary",
    "TokensJob",
    "VectorFile",
    "digest_of",
    "run",
    "run_sync",
    "search",
    "search_sync",
]
