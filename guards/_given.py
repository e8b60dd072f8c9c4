"""What follows the beginning that a writer was given."""


def behind(prefix: str, text: str) -> str | None:
    """Return what follows ``prefix`` in a text that begins with it, white space at both ends of the two aside; else None.

    >>> behind("A cat ", "A cat on a mat."), behind("A cat", "A dog."), behind("A cat", " A cat")
    (' on a mat.', None, '')
    """
    begun, whole = prefix.strip(), text.strip()
    return whole[len(begun) :] if whole.startswith(begun) else None
