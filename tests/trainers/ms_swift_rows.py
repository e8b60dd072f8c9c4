"""Have ms-swift read an export of all shapes of pairs, and say which images each side gets.

Usage: ms_swift_rows.py EXPORT. Imports nothing of pairwright.
"""

import json
import os
import sys
from pathlib import Path


def main(export: Path) -> None:
    """Check that no row is dropped, and that each side has the texts and images of its line."""
    os.environ["ROOT_IMAGE_DIR"] = str(export)
    from swift.dataset import load_dataset
    from swift.template.template_inputs import TemplateInputs

    lines = [json.loads(line) for line in (export / "train.jsonl").read_text().splitlines()]
    loaded, _ = load_dataset([str(export / "train.jsonl")], strict=True)
    assert len(loaded) == len(lines), (len(loaded), len(lines))
    for row, line in zip(loaded, lines, strict=True):
        inputs = TemplateInputs.from_dict(dict(row))
        sides = [(inputs.chosen, line["messages"], line.get("images", []))]
        if inputs.rejected is not None:
            spoken = line.get("rejected_messages") or [
                *line["messages"][:-1],
                {"role": "assistant", "content": line.get("rejected_response")},
            ]
            sides.append((inputs.rejected, spoken, line.get("rejected_images") or line.get("images", [])))
        assert (inputs.rejected is None) == ("label" in line)
        for side, messages, images in sides:
            assert [image["path"] for image in side.images] == images, line
            texts = [message["content"] for message in messages if message["role"] != "system"]
            assert [message["content"] for message in side.messages] == texts, line
            assert sum(text.count("<image>") for text in texts) == len(images), line
            assert all((export / image).is_file() for image in images), line
    print(f"OK ms-swift: {len(lines)} rows, columns {sorted(lines[0])}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
