"""Licences of data: how the Hugging Face Hub spells them, and which one holds where several meet in one set.

What is said here is a reading of the licences' own words on adaptations, kept on the careful side; it is no advice of a lawyer.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

HUB_LICENCES = frozenset(
    """afl-3.0 agpl-3.0 apache-2.0 artistic-2.0 bigcode-openrail-m bigscience-bloom-rail-1.0 bigscience-openrail-m bsd
    bsd-2-clause bsd-3-clause bsd-3-clause-clear bsl-1.0 c-uda cc cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-nc-2.0
    cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0
    cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0 cdla-permissive-1.0 cdla-permissive-2.0 cdla-sharing-1.0
    creativeml-openrail-m deepfloyd-if-license ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 gemma gfdl gpl gpl-2.0
    gpl-3.0 isc lgpl lgpl-2.1 lgpl-3.0 lgpl-lr llama2 lppl-1.3c mit mpl-2.0 ms-pl ncsa odbl odc-by ofl-1.1 openrail
    openrail++ osl-3.0 pddl postgresql unlicense wtfpl zlib""".split()  # noqa: SIM905  # a list would be seventy lines
)
"""Identifiers that the Hub knows (hub-docs, repositories-licenses); any other one makes it refuse the card."""

_HUB_SPELLING = {
    "agpl-3.0-only": "agpl-3.0",
    "cc0": "cc0-1.0",
    "gpl-2.0-only": "gpl-2.0",
    "gpl-3.0-only": "gpl-3.0",
    "lgpl-3.0-only": "lgpl-3.0",
    "odbl-1.0": "odbl",
    "odc-by-1.0": "odc-by",
    "pddl-1.0": "pddl",
}
"""SPDX identifiers, in lower case, that the Hub spells otherwise."""

_FREE = ("cc0-1.0", "pddl", "unlicense", "wtfpl")
"""Licences that ask for nothing."""
_NOTICE = (
    *("zlib", "isc", "mit", "bsd", "bsd-2-clause", "bsd-3-clause", "postgresql", "ncsa", "apache-2.0"),
    *("cdla-permissive-2.0", "cdla-permissive-1.0", "etalab-2.0", "odc-by"),
    *("cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0"),
)
"""Licences that ask for a notice or a name and leave the rest free, the one that asks for more later."""
_NON_COMMERCIAL = ("cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0")
_SHARE_ALIKE = ("cc-by-sa-3.0", "cc-by-sa-4.0")
"""The whole set has to stand under the same licence or a later version of it, with no further restriction."""
_NON_COMMERCIAL_SHARE_ALIKE = ("cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0")
_NO_LICENCE_NEEDED = frozenset(("public-domain", "publicdomain"))
"""What rows are said to be that nobody has rights in: no licence, so none for a whole set, but no obstacle to one either."""
_NO_DERIVATIVES = frozenset(("cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nd-4.0"))

_GIVES_WAY_TO = {
    _SHARE_ALIKE: (*_FREE, *_NOTICE),
    _NON_COMMERCIAL_SHARE_ALIKE: (*_FREE, *_NOTICE, *_NON_COMMERCIAL),
    _NON_COMMERCIAL: (*_FREE, *_NOTICE),
    _NOTICE: _FREE,
    _FREE: (),
}
"""Which licences may stand in a set under a licence of each family; the latest version of the family then holds."""

Obstacle = Literal["unknown", "no_derivatives", "conflict"]


@dataclass(frozen=True, slots=True)
class Strictest:
    """The licence of a set, or why there is none."""

    licence: str | None
    """The Hub's identifier; None where there is an obstacle."""
    obstacle: Obstacle | None = None
    names: tuple[str | None, ...] = ()
    """Licences that stand in the way, as the rows name them; None for rows that name none."""


def hub_license(name: str | None) -> str | None:
    """Return the Hub's identifier of a licence, or None for one that it does not know.

    >>> hub_license("CC BY 4.0"), hub_license("ODC-By-1.0"), hub_license("my own terms")
    ('cc-by-4.0', 'odc-by', None)
    """
    if name is None:
        return None
    spelled = "-".join(name.lower().split())
    spelled = _HUB_SPELLING.get(spelled, spelled)
    return spelled if spelled in HUB_LICENCES else None


def strictest(names: Collection[str | None]) -> Strictest:
    """Return the licence that a set has to stand under whose rows have these; None among them is a row that names none.

    Attribution gives way to share-alike and to non-commercial use, both to their combination, a version to a later one.
    Share-alike and non-commercial do not meet: each forbids what the other asks for. No derivatives is an obstacle,
    as pairs are adaptations. A licence of no family here (GPL, ODbL, terms of models) stands alone, or with such as ask for nothing.

    >>> strictest(["cc-by-4.0", "CC BY-NC 4.0", "mit"]).licence
    'cc-by-nc-4.0'
    >>> strictest(["cc-by-sa-4.0", "cc-by-nc-4.0"])
    Strictest(licence=None, obstacle='conflict', names=('cc-by-nc-4.0', 'cc-by-sa-4.0'))
    """
    unclear = {name for name in names if hub_license(name) is None and not _is_public_domain(name)}
    strange = tuple(sorted(unclear, key=lambda one: one or ""))
    known = {one for name in names if (one := hub_license(name))}
    if strange or not known:
        return Strictest(None, "unknown", strange or tuple(sorted(filter(None, names))) or (None,))
    frozen = tuple(sorted(known & _NO_DERIVATIVES))
    if frozen:
        return Strictest(None, "no_derivatives", frozen)
    if len(known) == 1:
        return Strictest(next(iter(known)))
    held = next((one for one in _holding(known) if one), None)
    return Strictest(held) if held else Strictest(None, "conflict", tuple(sorted(known - {*_FREE})))


def _is_public_domain(name: str | None) -> bool:
    return name is not None and "-".join(name.lower().split()) in _NO_LICENCE_NEEDED


def _holding(known: Collection[str]) -> Iterable[str | None]:
    """Yield what each family of licences makes of a set: its latest version, or None where it cannot hold all."""
    for family, beneath in _GIVES_WAY_TO.items():
        inside = [one for one in family if one in known]
        yield inside[-1] if inside and set(known) <= {*family, *beneath} else None
    alone = set(known) - {*_FREE}
    yield next(iter(alone)) if len(alone) == 1 else None
