"""Jobs over files: every text gets its vector, in bounded memory, and a killed job can be continued.

    from ratatoskr.jobs import EmbedJob, run
    summary = await run(EmbedJob("texts.jsonl", "vectors.parquet", model), gateway)

What it wrote can be searched, exactly and in bounded memory:

    from ratatoskr.jobs import search
    matches = await search("vectors.parquet", "who carries words?", gateway)

Parquet and Arrow need the extra `[jobs]`; JSONL, CSV and `.npy` need nothing.
"""

from ratatoskr.jobs.embedder import digest_of
from ratatoskr.jobs.job import EmbedJob, OnProgress, Progress, Summary
from ratatoskr.jobs.runner import run
from ratatoskr.jobs.vector_file import Match, Metric, VectorFile
from ratatoskr.jobs.vector_search import search, search_sync

__all__ = [
    "EmbedJob",
    "Match",
    "Metric",
    "OnProgress",
    "Progress",
    "Summary",
    "VectorFile",
    "digest_of",
    "run",
    "search",
    "search_sync",
]
