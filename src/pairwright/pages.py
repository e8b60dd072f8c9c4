"""How the templates of the report and the card are read."""

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from pairwright.runs.wording import bytes_text, drawn_texts, shares_text


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
    made.filters |= {"bytes": bytes_text, "drawn": drawn_texts, "shares": shares_text}
    return made
