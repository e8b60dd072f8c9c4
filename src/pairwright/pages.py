"""How the templates of the report and the card are read."""

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from pairwright.runs.agreement_text import alpha_text, cohen_text, fleiss_text, person_text
from pairwright.runs.measured_text import (
    blind_right_text,
    cue_name,
    cue_text,
    owed_name,
    owed_text,
    votes_text,
)
from pairwright.runs.wording import (
    amount_text,
    bytes_text,
    compared_text,
    dollars_text,
    drawn_texts,
    encoded_text,
    failures_text,
    judge_text,
    lengths_text,
    margin_text,
    on_policy_text,
    percent_text,
    rated_text,
    round_text,
    score_text,
    shares_text,
    style_text,
)


def environment(*, keep_trailing_newline: bool = False) -> Environment:
    """Return the environment: HTML is escaped, and a name that a template does not know is an error."""
    made = Environment(
        loader=PackageLoader("pairwright"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=keep_trailing_newline,
    )
    made.filters |= {
        "alpha": alpha_text,
        "amount": amount_text,
        "blind_right": blind_right_text,
        "bytes": bytes_text,
        "cohen": cohen_text,
        "compared": compared_text,
        "cue": cue_text,
        "cue_name": cue_name,
        "dollars": dollars_text,
        "drawn": drawn_texts,
        "encoded": encoded_text,
        "failures": failures_text,
        "fleiss": fleiss_text,
        "judge": judge_text,
        "lengths": lengths_text,
        "margin": margin_text,
        "on_policy": on_policy_text,
        "owed": owed_text,
        "owed_name": owed_name,
        "percent": percent_text,
        "person": person_text,
        "rated": rated_text,
        "round_name": round_text,
        "score": score_text,
        "shares": shares_text,
        "style": style_text,
        "votes": votes_text,
    }
    return made
