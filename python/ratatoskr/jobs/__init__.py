"""Jobs over files: every text of one gets its vector, in bounded memory, and a job that was killed goes on.

    from ratatoskr.jobs import EmbedJob, run
    summary = await run(EmbedJob("texts.jsonl", "vectors.parquet", model), gateway)

Parquet and Arrow need the extra `[jobs]`; JSONL, CSV and `.npy` need nothing.
"""

from ratatoskr.jobs.job import EmbedJob, OnProgress, Progress, Summary
from ratatoskr.jobs.runner import run
from ratatoskr.jobs.target import digest_of

__all__ = ["EmbedJob", "OnProgress", "Progress", "Summary", "digest_of", "run"]
