"""How the numbers of a run are written for people: the same in the terminal, the report and the card."""

from collections.abc import Sequence
from datetime import datetime

from pairwright.annotators.pixels import MeasureName
from pairwright.runs.contents import MEASURES
from pairwright.runs.readback import RunInfo
from pairwright.runs.spread import Spread
from pairwright.runs.summary import Drawn, PerturbationSummary, Share, Summary

KINDS = {
    "text": "the answers differ",
    "image": "the images differ, the answer is the same",
    "both": "answers and images differ",
}
"""What each pair kind means."""


def measure_text(name: MeasureName, value: float) -> str:
    """Return a measure's value with its unit.

    >>> measure_text("changed", 0.614), measure_text("psnr", 18.21), measure_text("ssim", 0.4149)
    ('61 %', '18.2 dB', '0.41')
    """
    unit = MEASURES[name].unit
    return f"{number_text(name, value)} {unit}" if unit else number_text(name, value)


def number_text(name: MeasureName, value: float) -> str:
    """Return a measure's value without its unit; what is changed is written in percent.

    >>> number_text("changed", 0.0062), number_text("changed", 1.0)
    ('0.6', '100')
    """
    if name == "changed":
        return f"{100 * value:.1f}" if 0 < value < 0.0995 else f"{100 * value:.0f}"
    return f"{value:.1f}" if name == "psnr" else f"{value:.2f}"


def middle_text(name: MeasureName, spread: Spread) -> str:
    """Return 5th to 95th percentile of a measure, without its unit."""
    return f"{number_text(name, spread.p5)}–{number_text(name, spread.p95)}"


def drawn_text(drawn: Drawn) -> str:
    """Return the values drawn for a parameter.

    >>> drawn_text(Drawn("radius", "px", 20.04, 39.9)), drawn_text(Drawn("block", "px", 32.0, 32.0))
    ('radius 20–39.9 px', 'block 32 px')
    """
    low, high = f"{drawn.low:.3g}", f"{drawn.high:.3g}"
    return f"{drawn.name} {low if low == high else f'{low}–{high}'} {drawn.unit}".rstrip()


def drawn_texts(perturbation: PerturbationSummary) -> str:
    """Return all parameters of a perturbation with the values drawn for them."""
    return ", ".join(drawn_text(drawn) for drawn in perturbation.parameters)


def bytes_text(size: int) -> str:
    """Return a file size.

    >>> bytes_text(812), bytes_text(48_230), bytes_text(3_210_000_000)
    ('812 B', '48.2 kB', '3.21 GB')
    """
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size} B"


def shares_text(shares: Sequence[Share], unknown: str = "unknown") -> str:
    """Return values with the part of the pairs that has each; the parts are left out where there is one value.

    >>> shares_text([Share("cc-by-4.0", 10, 1.0)])
    'cc-by-4.0'
    >>> shares_text([Share("cc-by-4.0", 249, 0.996), Share(None, 1, 0.004)])
    'cc-by-4.0 99.6 %, unknown 0.4 %'
    """
    names = [unknown if one.name is None else one.name for one in shares]
    if len(shares) < 2:
        return names[0] if names else unknown
    return ", ".join(f"{name} {100 * one.share:.3g} %" for name, one in zip(names, shares, strict=True))


def counted(number: int, noun: str) -> str:
    """Return a count with its noun.

    >>> counted(1, "pair"), counted(12_000, "pair")
    ('1 pair', '12,000 pairs')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def outcome(summary: Summary) -> str:
    """Return in one sentence what became of the source rows."""
    return (
        f"{counted(summary.rows, 'source row')}: {summary.paired:,} gave {counted(summary.pairs, 'pair')}, "
        f"{counted(summary.rejected, 'reject')}."
    )


def when_text(run: RunInfo) -> str:
    """Return when a run began and how long lies between its first start and its end."""
    try:
        began = datetime.fromisoformat(run.started)
        ended = datetime.fromisoformat(run.finished) if run.finished else None
    except ValueError:
        return run.started or "unknown"
    said = f"{began:%Y-%m-%d %H:%M} UTC"
    if ended is None:
        return f"{said}, not finished"
    seconds = int((ended - began).total_seconds())
    hours, minutes = seconds // 3600, seconds % 3600 // 60
    took = (
        f"{hours} h {minutes} min"
        if hours
        else f"{minutes} min {seconds % 60} s"
        if minutes
        else f"{seconds} s"
    )
    return f"{said}, finished after {took}"
