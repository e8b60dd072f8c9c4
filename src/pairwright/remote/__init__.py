"""Runs in object stores: S3, Google Cloud Storage, Azure Blob Storage and whatever else fsspec knows.

A run is built in a *work folder* on a local disk, an ordinary run folder; finished shards are taken to the *prefix*, the
address that ``--out`` names, and their local files removed. What the prefix holds, by key below it:

``data/``, ``visual_negative/``, ``candidates/``, ``failed/``, ``rejects/``
    Parts, under names that carry the first eight digits of their SHA-256 and are never written twice with other bytes.
``shards/00005.json``
    The commit record of shard 5, one line of a manifest: what it names is done, nothing else is. It is created, never replaced.
``lease/``
    Who is at work (``lease``).
``responses/``
    Received answers, some at a time, while the run is at work (``segments``).
``slices/i-of-n/``
    What a slice has of its own: ``run.json``, lease, answers. Parts and records of all slices lie side by side.
``run.json``, ``manifest.jsonl``, ``responses.sqlite``, ``encodings.sqlite``, ``README.md``
    As in a run folder; all but the first only once the run is finished.
"""

import re

from pairwright.schemas.errors import RunError

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://.*", re.DOTALL)

EXTRAS = {
    "s3": ("s3fs", "s3"),
    "s3a": ("s3fs", "s3"),
    "gs": ("gcsfs", "gcs"),
    "gcs": ("gcsfs", "gcs"),
    "abfs": ("adlfs", "azure"),
    "abfss": ("adlfs", "azure"),
    "az": ("adlfs", "azure"),
}
"""Package and extra of each scheme that has an extra."""

_LOCAL = ("file", "local")
_READ_ONLY = ("http", "https")

_ALMOST = re.compile(rf"({'|'.join(EXTRAS)})(?::/?|//)(?!/)(.+)", re.DOTALL | re.IGNORECASE)


def is_url(place: object) -> bool:
    """Tell whether a place is an address in an object store, and not a folder.

    >>> is_url("s3://bucket/run"), is_url("runs/one"), is_url(None)
    (True, False, False)
    """
    return isinstance(place, str) and _URL.fullmatch(place) is not None


def refuse_misspelt(path: str) -> None:
    """Raise RunError for a path of this machine that was meant as an address.

    >>> refuse_misspelt("runs/s3:/one")
    >>> refuse_misspelt("s3:/bucket/run")
    Traceback (most recent call last):
    pairwright.schemas.errors.RunError: s3:/bucket/run would be a folder of this machine: write s3://bucket/run, or ./s3:/bucket/run
    """
    if found := _ALMOST.fullmatch(path):
        raise RunError(
            f"{path} would be a folder of this machine: write {found[1].lower()}://{found[2]}, or ./{path}"
        )


def checked_url(url: str) -> str:
    """Return an address without a slash at its end.

    Raises:
        RunError: it is none, cannot be the prefix of a run, or holds a password.

    >>> checked_url("s3://bucket/runs/one/")
    's3://bucket/runs/one'
    """
    if "::" in url:
        raise RunError(f"{url} chains file systems: give the address of an object store alone")
    if not is_url(url):
        refuse_misspelt(url)
        raise RunError(f"{url} is no address in an object store: expected one such as s3://bucket/folder")
    scheme, _, rest = url.partition("://")
    if scheme in _LOCAL:
        raise RunError(f"{url} is a folder of this machine: give its path, without {scheme}://")
    if scheme in _READ_ONLY:
        raise RunError(
            f"{url} cannot be written to: give the address that the store's own tools take, such as s3://bucket/folder; the "
            "address of a server other than Amazon's goes into AWS_ENDPOINT_URL"
        )
    if scheme != scheme.lower():
        raise RunError(f"{url}: write {scheme.lower()}://, in small letters")
    if ":" in rest.partition("/")[0].rpartition("@")[0] or "?" in rest or "#" in rest:
        raise RunError(
            f"an address of {scheme} holds a password, a key, ? or #: keys come from the environment or the store's own "
            "configuration, never from the address"
        )
    if not rest.strip("/"):
        raise RunError(f"{url} names no bucket: expected {scheme}://bucket/folder")
    return url.rstrip("/")
