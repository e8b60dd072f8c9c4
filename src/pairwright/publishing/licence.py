"""The licence of a published set: the strictest of its rows', or what somebody has decided."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pairwright.licences import hub_license, strictest
from pairwright.schemas.errors import ParameterError, PublishError

_WHY = {
    "unknown": "the Hub does not know these, or rows name none at all, so nobody can say what the whole may be used for",
    "no_derivatives": "these forbid adaptations, and pairs are adaptations",
    "conflict": "each asks for what another forbids, so no licence holds for the whole",
}


@dataclass(frozen=True, slots=True)
class Licence:
    """The licence of a set."""

    metadata: Mapping[str, str]
    """Keys of the card's metadata."""
    note: str
    """How it was come to, for the card."""


def licence_of(names: Collection[str | None], *, decided: str | None, link: str | None) -> Licence:
    """Return the licence of a set.

    Args:
        names: licences of its rows and pictures; None for rows that name none.
        decided: a licence that holds whatever the rows say.
        link: where its text stands; needed for one that the Hub does not know.

    Raises:
        PublishError: nobody has decided, and the licences are unknown or do not go together.
        ParameterError: ``decided`` is a name that the Hub does not know, and no ``link`` was given.

    >>> licence_of(["cc-by-4.0", "mit"], decided=None, link=None).metadata
    {'license': 'cc-by-4.0'}
    """
    if decided is not None:
        return Licence(_decided(decided, link), _decided_note(names))
    if link is not None:
        raise ParameterError("--license-link says where the text of --license stands: give both")
    found = strictest(names)
    if found.licence is None:
        raise PublishError(_obstacle(found.obstacle or "unknown", found.names, names))
    each = "The column `license` says it for each row, `images_meta` for each picture where it is known."
    if len({hub_license(name) for name in names}) == 1:
        return Licence({"license": found.licence}, each)
    return Licence({"license": found.licence}, f"The set stands under the strictest of its rows'. {each}")


def _decided(name: str, link: str | None) -> dict[str, str]:
    known = hub_license(name)
    if known and not link:
        return {"license": known}
    if not link:
        raise ParameterError(
            f"--license: the Hub does not know {name!r}; write an identifier such as cc-by-4.0, or give --license-link with "
            "the address of the licence's text"
        )
    slug = "".join(
        sign if sign.isascii() and (sign.isalnum() or sign == ".") else "-" for sign in name.lower()
    )
    return {"license": "other", "license_name": slug.strip("-.") or "own", "license_link": link}


def _decided_note(names: Collection[str | None]) -> str:
    told = "Who published this set has decided on its licence"
    if strictest(names).licence:
        return f"{told}; the columns `license` and `images_meta` say what each row and picture came with."
    return (
        f"{told}; the licences of its rows do not say it, or not all. The columns `license` and `images_meta` say what each "
        "row and picture came with, where that is known: look there before you use it."
    )


def _obstacle(why: str, names: Collection[str | None], every: Collection[str | None]) -> str:
    shown = ", ".join(sorted(name or "none named" for name in every))
    bad = ", ".join(name or "none named" for name in names)
    return (
        f"the set has no licence that could be told: {_WHY[why]}: {bad}.\n"
        f"  licences of its rows and pictures: {shown}\n"
        "  where you know better: source.license of the recipe is the licence of rows that name none (build into another --out);\n"
        "  --license ID decides for the whole set (cc-by-nc-4.0, or any name with --license-link);\n"
        "  or take the rows out of the source that stand in the way."
    )
