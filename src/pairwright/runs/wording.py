"""How the numbers of a run are written for people: the same in the terminal, the report and the card."""

from collections.abc import Sequence
from datetime import datetime

from pairwright.annotators.pixels import MeasureName
from pairwright.encoding.service import Encoded
from pairwright.responses.ledger import Spent
from pairwright.runs.candidates import Compared, Rated
from pairwright.runs.contents import MEASURES
from pairwright.runs.on_policy import RoundsSummary
from pairwright.runs.readback import RunInfo
from pairwright.runs.spread import Spread
from pairwright.runs.style import StyleSummary
from pairwright.runs.summary import Drawn, PerturbationSummary, Share, Summary
from pairwright.runs.text_pairs import JudgeTold, TextPairSummary
from pairwright.schemas.reasons import MAY_SUCCEED_LATER

KINDS = {
    "text": "the answers differ",
    "image": "the images differ, the answer is the same",
    "both": "answers and images differ",
}
"""What each pair kind means."""

_REFUSED = {
    "negative": ("negative", "refused"),
    "candidate": ("candidate", "refused"),
    "pair": ("pair", "left out"),
}
"""What is said of the rejects of each scope beside ``row``."""

NOBODY = "unknown"
"""Stands for a model that the source does not name."""


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

    >>> bytes_text(812), bytes_text(48_230), bytes_text(999_700), bytes_text(3_210_000_000)
    ('812 B', '48.2 kB', '1 MB', '3.21 GB')
    """
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= 0.9995 * factor:  # what rounds to 1000 of the smaller unit is 1 of this one
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
    told = (
        f"{counted(summary.rows, 'source row')}: {summary.paired:,} gave {counted(summary.pairs, 'pair')}, "
        f"{counted(summary.rejected, 'reject')}"
    )
    waiting = sum(
        one.count for one in summary.rejects if one.scope == "row" and one.reason in MAY_SUCCEED_LATER
    )
    wait = (
        f"; {counted(waiting, 'row')} {'waits' if waiting == 1 else 'wait'} for pairwright retry"
        if waiting
        else ""
    )
    return f"{told}{wait}."


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


def score_text(value: float | None) -> str:
    """Return a score, a margin or a mean of some.

    >>> score_text(4.3333), score_text(12345.6), score_text(None)
    ('4.33', '12,346', '')
    """
    if value is None:
        return ""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.3g}"


def words_text(value: float) -> str:
    """Return a number of words.

    >>> words_text(31.0), words_text(24.5)
    ('31', '24.5')
    """
    return f"{value:,.1f}".removesuffix(".0")


def percent_text(share: float | None) -> str:
    """Return a share.

    >>> percent_text(0.6149), percent_text(0.0042), percent_text(None)
    ('61 %', '0.4 %', '')
    """
    if share is None:
        return ""
    return f"{100 * share:.1f} %" if 0 < share < 0.0995 else f"{100 * share:.0f} %"


def amount_text(number: int) -> str:
    """Return a large count, short.

    >>> amount_text(812), amount_text(48_230), amount_text(3_210_000)
    ('812', '48.2 k', '3.21 M')
    """
    for unit, factor in (("B", 10**9), ("M", 10**6), ("k", 10**4)):
        if number >= factor:
            return f"{number / (1000 if unit == 'k' else factor):.3g} {unit}"
    return f"{number:,}"


def dollars_text(usd: float | None) -> str:
    """Return US dollars; nothing where the recipe has no prices.

    >>> dollars_text(0.01234), dollars_text(1234.5), dollars_text(None)
    ('0.0123', '1,234.50', '')
    """
    if usd is None:
        return ""
    return f"{usd:,.2f}" if usd >= 1 or usd == 0 else f"{usd:.3g}"


def failures_text(spent: Spent) -> str:
    """Return which requests to a model gave nothing.

    >>> failures_text(Spent("m", "", "openai", failed=2, refused=1))
    '2 failed, 1 refused'
    """
    told = {"failed": spent.failed, "refused": spent.refused}
    return ", ".join(f"{number:,} {what}" for what, number in told.items() if number)


def judge_text(judge: JudgeTold) -> str:
    """Return who judged, how, and with which prompt.

    >>> judge_text(JudgeTold("some-vlm", "listwise", "listwise v1 #0c1d2e3f", 12))
    'some-vlm (listwise, prompt listwise v1 #0c1d2e3f)'
    >>> judge_text(JudgeTold("exact", "exact", None, 12))
    'exact'
    """
    kind = judge.kind if judge.kind != judge.name else ""
    inner = ", ".join(filter(None, (kind, f"prompt {judge.prompt}" if judge.prompt else "")))
    return f"{judge.name} ({inner})" if inner else judge.name


def rated_text(rated: Rated) -> str:
    """Return what a scorer said of answers on one aspect: right and wrong of a verifier, else the mean.

    >>> rated_text(Rated("exact", "correct", 10, 0, 0.6, 0.0, 1.0, right=6))
    '6 right, 4 wrong'
    >>> rated_text(Rated("j", "helpfulness", 10, 2, 3.45, 1.0, 5.0, right=None))
    'mean 3.45 of 1 to 5, 2 without a value'
    """
    if rated.right is not None:
        said = f"{rated.right:,} right, {rated.answers - rated.right:,} wrong"
    else:
        ends = "" if rated.low is None or rated.high is None else f" of {rated.low:g} to {rated.high:g}"
        said = f"mean {score_text(rated.mean)}{ends}" if rated.answers else ""
    return ", ".join(filter(None, (said, f"{rated.mute:,} without a value" if rated.mute else "")))


def compared_text(compared: Compared) -> str:
    """Return what a judge said of answers side by side, in shares of its verdicts.

    >>> compared_text(Compared("j", 80, 15, 5))
    '80 decided, 15 ties (15 %), 5 it could not judge (5.0 %)'
    """
    shares = (percent_text(n / compared.verdicts) for n in (compared.ties, compared.cannot_judge))
    ties, mute = shares
    return (
        f"{compared.decided:,} decided, {counted(compared.ties, 'tie')} ({ties}), "
        f"{compared.cannot_judge:,} it could not judge ({mute})"
    )


def margin_text(margin: Spread) -> str:
    """Return the middle of the margins."""
    low, high = score_text(margin.p5), score_text(margin.p95)
    told = f"median {score_text(margin.median)}, 5th to 95th percentile {low} to {high}"
    return told + (f"; {counted(margin.undefined, 'pair')} without scores" if margin.undefined else "")


def round_text(number: int | None) -> str:
    """Return a round in words.

    >>> round_text(2), round_text(None)
    ('2', 'not written in a round')
    """
    return "not written in a round" if number is None else str(number)


def on_policy_text(rounds: RoundsSummary) -> str:
    """Return how many pairs are the latest model's own.

    >>> on_policy_text(RoundsSummary(2, 40, 10, 0.25, ()))
    '25 % of 40 pairs, in which all answers that models wrote are of round 2'
    >>> on_policy_text(RoundsSummary(2, 0, 0, None, ()))
    'no pair has an answer that a model wrote'
    """
    if rounds.share is None:
        return "no pair has an answer that a model wrote"
    share = percent_text(rounds.share)
    pairs = counted(rounds.pairs, "pair")
    return f"{share} of {pairs}, in which all answers that models wrote are of round {rounds.latest}"


def lengths_text(pairs: TextPairSummary) -> str:
    """Return how long both sides are."""
    return (
        f"median {words_text(pairs.words_chosen.median)} chosen, {words_text(pairs.words_rejected.median)} rejected; "
        f"the chosen answer is the longer one in {percent_text(pairs.chosen_longer)} of the pairs, "
        f"equally long in {percent_text(pairs.equally_long)}"
    )


def style_text(style: StyleSummary) -> str:
    """Return how well style tells the sides of pairs apart.

    >>> style_text(StyleSummary(0.52, 1000, 8000))
    'finds the chosen answer of 52 % of pairs (50 % is chance; 1,000 of 8,000 pairs looked at)'
    """
    looked = f"{style.looked_at:,} of {counted(style.pairs, 'pair')} looked at"
    return f"finds the chosen answer of {percent_text(style.accuracy)} of pairs (50 % is chance; {looked})"


def encoded_text(encoded: Sequence[Encoded]) -> str:
    """Return what encoders did, in one line; empty where there are none.

    >>> encoded_text([Encoded("ViT-B-32/openai", 1200, 6000, 0, 40)])
    'ViT-B-32/openai encoded 1,200 pictures and 6,000 texts'
    >>> encoded_text([Encoded("tiny", 1, 1, 0, 40)])
    'tiny encoded 1 picture and 1 text'
    """
    told = []
    for one in encoded:
        line = f"{one.encoder} encoded {counted(one.images, 'picture')} and {counted(one.texts, 'text')}"
        told.append(f"{line}, attacked {counted(one.attacked, 'picture')}" if one.attacked else line)
    return "; ".join(told)


def unparsed(summary: Summary) -> int:
    """Return how many candidates had no final answer that a verifier could read."""
    return sum(
        one.count for one in summary.rejects if one.reason == "answer_unparsable" and one.scope == "candidate"
    )


def refused_texts(summary: Summary) -> tuple[str, ...]:
    """Return what was refused beside whole rows, counted: ``3 candidates refused``."""
    totals = dict.fromkeys(_REFUSED, 0)
    for reject in summary.rejects:
        if reject.scope in totals:
            totals[reject.scope] += reject.count
    return tuple(
        f"{counted(number, _REFUSED[scope][0])} {_REFUSED[scope][1]}"
        for scope, number in totals.items()
        if number
    )


def rejects_about(summary: Summary) -> str:
    """Return what the rejects of a run are, as its scopes are."""
    scopes = {reject.scope for reject in summary.rejects}
    parts = [f"{noun}s that were {what}" for scope, (noun, what) in _REFUSED.items() if scope in scopes]
    rows = "Source rows that gave no pair" if "row" in scopes else "Every source row gave a pair"
    if not parts:
        return f"{rows}."
    listed = ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]
    return f"{rows}; and {listed}, of rows with pairs and without."
