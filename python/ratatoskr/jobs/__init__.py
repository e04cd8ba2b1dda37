"""Jobs over files: every text gets its vector, in bounded memory, and a killed job can be continued.

    from ratatoskr.jobs import EmbedJob, run
    summary = await run(EmbedJob("texts.jsonl", "vectors.parquet", model), gateway)

Parquet and Arrow need the extra `[jobs]`; JSONL, CSV and `.npy` need nothing.
"""

from ratatoskr.jobs.embedder import digest_of
from ratatoskr.jobs.job import EmbedJob, OnProgress, Progress, Summary
from ratatoskr.jobs.runner import run

__all__ = ["EmbedJob", "OnProgress", "Progress", "Summary", "digest_of", "run"]
