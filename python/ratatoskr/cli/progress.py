"""The progress of a job: a bar by rich or a line on a terminal, a line now and then in a pipe."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from ratatoskr.cli.render import StatusLine

if TYPE_CHECKING:
    from ratatoskr.cli.render import Screen
    from ratatoskr.jobs import Progress

SECONDS_BETWEEN_LINES = 10.0
"""In a pipe."""
_BAR = 20
_PHASES = {
    "scan": "scanning the input",
    "embed": "embedding",
    "classify": "classifying",
    "nli": "judging",
    "stance": "judging",
    "tokens": "counting",
    "join": "assembling the output",
}


class ProgressView(Protocol):
    """Shows reports in one place."""

    def update(self, progress: Progress) -> None:
        """Show a report."""

    def clear(self) -> None:
        """Remove what is shown, if it can be."""


class JobProgress:
    """Shows the progress of a job.

    Attributes:
        scanned: whether the scan of the input found no error.
    """

    def __init__(self, screen: Screen, *, quiet: bool) -> None:
        self.scanned = False
        self._view = None if quiet else _choose_view(screen)

    def show(self, progress: Progress) -> None:
        """Show a report."""
        self.scanned = self.scanned or progress.phase != "scan"
        if self._view is not None:
            self._view.update(progress)

    def clear(self) -> None:
        """Remove what is shown on a terminal."""
        if self._view is not None:
            self._view.clear()


def _choose_view(screen: Screen) -> ProgressView:
    if not screen.err_is_terminal:
        return _Lines(screen)
    if not screen.err_renders:
        return _Line(screen)
    try:
        return _Bar()
    except ImportError:
        return _Line(screen)


class _Lines:
    """Lines in a pipe, the first one not at once."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._not_before = time.monotonic() + SECONDS_BETWEEN_LINES

    def update(self, progress: Progress) -> None:
        now = time.monotonic()
        if now >= self._not_before:
            self._not_before = now + SECONDS_BETWEEN_LINES
            self._screen.note(f"{_count(progress)}{''.join(f', {part}' for part in _details(progress))}")

    def clear(self) -> None:
        pass


class _Line:
    """A line of a terminal that is written over."""

    def __init__(self, screen: Screen) -> None:
        self._line = StatusLine(screen)

    def update(self, progress: Progress) -> None:
        self._line.update(", ".join([_drawn_bar(progress), *_details(progress)]))

    def clear(self) -> None:
        self._line.clear()


class _Bar:
    """A bar by rich."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichProgress

        columns = (TextColumn("{task.description}"), BarColumn(_BAR), TextColumn("{task.fields[details]}"))
        self._progress = RichProgress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task("", total=None, details="")
        self._started = False

    def update(self, progress: Progress) -> None:
        if not self._started:
            self._started = True
            self._progress.start()
        counted = _computes(progress) and progress.total
        self._progress.update(
            self._task,
            description=_PHASES[progress.phase],
            total=progress.total if counted else None,
            completed=progress.rows + progress.computed,
            details=", ".join([f"{progress.rows + progress.computed:,} rows", *_details(progress)]),
        )

    def clear(self) -> None:
        if self._started:
            self._progress.stop()


def _computes(progress: Progress) -> bool:
    return progress.phase not in {"scan", "join"}


def _count(progress: Progress) -> str:
    done = progress.rows + progress.computed
    if not _computes(progress) or not progress.total:
        return f"{_PHASES[progress.phase]}, {progress.rows:,} rows"
    return f"{_PHASES[progress.phase]}, {done:,} of {progress.total:,} ({done / progress.total:.0%})"


def _drawn_bar(progress: Progress) -> str:
    if not _computes(progress) or not progress.total:
        return _count(progress)
    done = progress.rows + progress.computed
    share = done / progress.total
    filled = int(_BAR * share)
    return f"{'█' * filled}{'░' * (_BAR - filled)} {share:4.0%}  {done:,} of {progress.total:,}"


def _details(progress: Progress) -> list[str]:
    if not _computes(progress):
        return []
    parts = [f"{progress.texts_per_second:,.0f} texts/s"] if progress.texts_per_second else []
    parts += [f"{progress.tokens_per_second:,.0f} tokens/s"] if progress.tokens_per_second else []
    return [*parts, *([f"{_format_duration(progress.eta)} left"] if progress.eta is not None else [])]


def _format_duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
