"""Which licence holds for a set whose rows have several."""

import pytest

from pairwright.licences import Strictest, hub_license, strictest


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["cc0-1.0"], "cc0-1.0"),
        (["cc0-1.0", "pddl"], "pddl"),
        (["mit", "apache-2.0"], "apache-2.0"),
        (["CC BY 4.0", "mit", "cc0-1.0"], "cc-by-4.0"),
        (["cc-by-2.0", "cc-by-4.0"], "cc-by-4.0"),
        (["cc-by-sa-3.0", "cc-by-4.0"], "cc-by-sa-3.0"),
        (["cc-by-sa-3.0", "cc-by-sa-4.0"], "cc-by-sa-4.0"),
        (["cc-by-nc-4.0", "cc-by-4.0"], "cc-by-nc-4.0"),
        (["cc-by-nc-4.0", "cc-by-nc-sa-4.0", "odc-by"], "cc-by-nc-sa-4.0"),
        (["gpl-3.0", "cc0-1.0"], "gpl-3.0"),
        (["odbl"], "odbl"),
        (["cc0-1.0", "public domain", "bsd-3-clause"], "bsd-3-clause"),
    ],
)
def test_the_strictest(names, expected):
    assert strictest(names) == Strictest(expected)
    assert strictest(names[::-1]) == Strictest(expected)


@pytest.mark.parametrize(
    ("names", "obstacle", "told"),
    [
        ([], "unknown", (None,)),
        (["mit", None], "unknown", (None,)),
        (["mit", "flickr"], "unknown", ("flickr",)),
        (["public-domain"], "unknown", ("public-domain",)),
        (["cc-by-nd-4.0"], "no_derivatives", ("cc-by-nd-4.0",)),
        (["cc-by-sa-4.0", "cc-by-nc-4.0"], "conflict", ("cc-by-nc-4.0", "cc-by-sa-4.0")),
        (["cc-by-sa-4.0", "cc-by-nc-sa-4.0"], "conflict", ("cc-by-nc-sa-4.0", "cc-by-sa-4.0")),
        (["gpl-3.0", "mit"], "conflict", ("gpl-3.0", "mit")),
        (["odbl", "cc-by-sa-4.0", "cc0-1.0"], "conflict", ("cc-by-sa-4.0", "odbl")),
    ],
)
def test_obstacles(names, obstacle, told):
    assert strictest(names) == Strictest(None, obstacle, told)


@pytest.mark.parametrize(("name", "expected"), [("mit", "mit"), ("MIT", "mit"), (None, None), ("", None)])
def test_the_hubs_spelling(name, expected):
    assert hub_license(name) == expected
