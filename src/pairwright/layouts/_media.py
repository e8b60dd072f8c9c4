"""Rows that speak of a video or of sound, which a record cannot hold."""

import re

from pairwright.layouts import Row

_MARKER = re.compile(r"<(?:video|audio|speech)>\n?")
_MEDIA = ("video", "videos", "audio", "audios", "clip")


def without_media(row: Row, *columns: str) -> tuple[Row, tuple[str, ...]]:
    """Return a row whose texts have no markers of videos and sound, and the kinds of media that it names, as tags.

    The paths themselves stay in ``extra``.

    >>> without_media({"prompt": "<video>\\nWhat happens?", "video": "a.mp4"}, "prompt")
    ({'prompt': 'What happens?', 'video': 'a.mp4'}, ('video',))
    """
    tags = tuple(
        dict.fromkeys(name.removesuffix("s") for name in _MEDIA if row.get(name) not in (None, "", []))
    )
    if not tags:
        return row, ()
    bare = {name: _MARKER.sub("", row[name]) for name in columns if isinstance(row.get(name), str)}
    return {**row, **bare}, tags
