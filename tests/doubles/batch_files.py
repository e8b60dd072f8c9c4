"""Files and batches of the HTTP double. A batch is answered when its status has been asked often enough."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Answer = Callable[[dict[str, Any]], tuple[int, dict[str, Any]]]
"""Answers one request body: status and JSON."""

CONTENT_TYPE = "application/jsonl"


@dataclass
class Batch:
    """One batch as the server knows it."""

    id: str
    input_file: str
    endpoint: str
    metadata: dict[str, str]
    polls: int
    fault: str | None
    status: str = "validating"
    output_file: str | None = None
    error_file: str | None = None
    counts: dict[str, int] = field(default_factory=lambda: {"total": 0, "completed": 0, "failed": 0})
    errors: list[dict[str, Any]] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.endpoint,
            "errors": {"object": "list", "data": self.errors} if self.errors else None,
            "input_file_id": self.input_file,
            "completion_window": "24h",
            "status": self.status,
            "output_file_id": self.output_file,
            "error_file_id": self.error_file,
            "created_at": 0,
            "request_counts": self.counts,
            "metadata": self.metadata,
        }


@dataclass
class Cabinet:
    """All files and batches."""

    answer: Answer
    files: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, Batch] = field(default_factory=dict)

    def store(self, content: bytes) -> str:
        name = f"file-{len(self.files) + 1}"
        self.files[name] = content
        return name

    def create(self, body: Mapping[str, Any], *, polls: int, fault: str | None) -> Batch:
        """Make a batch; KeyError for a file that is not there."""
        content = self.files[body["input_file_id"]]
        metadata = dict(body.get("metadata") or {})
        made = Batch(
            f"batch_{len(self.batches) + 1}", body["input_file_id"], body["endpoint"], metadata, polls, fault
        )
        made.counts["total"] = len(content.splitlines())
        self.batches[made.id] = made
        return made

    def poll(self, name: str) -> Batch:
        """Return a batch, one poll further on; KeyError for an unknown one."""
        batch = self.batches[name]
        if batch.status in {"validating", "in_progress"}:
            batch.polls -= 1
            batch.status = "in_progress"
            if batch.polls < 0:
                self._finish(batch)
        return batch

    def listed(self, limit: int, after: str | None) -> dict[str, Any]:
        """A page of batches, newest first."""
        names = list(reversed(self.batches))
        start = names.index(after) + 1 if after else 0
        page = names[start : start + limit]
        return {
            "object": "list",
            "data": [self.batches[name].shown() for name in page],
            "first_id": page[0] if page else None,
            "last_id": page[-1] if page else None,
            "has_more": start + limit < len(names),
        }

    def _finish(self, batch: Batch) -> None:
        if batch.fault == "failed":
            batch.status = "failed"
            batch.errors = [{"code": "invalid_json_line", "message": "Line 1 is not valid JSON.", "line": 1}]
            return
        lines = [json.loads(line) for line in self.files[batch.input_file].splitlines()]
        whole = len(lines) // 2 if batch.fault == "expired" else len(lines)
        good, bad = [], []
        for number, line in enumerate(lines):
            if number >= whole:
                told = {"code": "batch_expired", "message": "This request could not be executed in time."}
                bad.append(
                    {"id": f"r{number}", "custom_id": line["custom_id"], "response": None, "error": told}
                )
                continue
            if batch.fault == "errors" and number % 3 == 1:
                status, body = 400, {"error": {"message": "Invalid image.", "code": "invalid_image"}}
            else:
                status, body = self.answer(line["body"])
            response = {"status_code": status, "request_id": f"r{number}", "body": body}
            made = {"id": f"r{number}", "custom_id": line["custom_id"], "response": response, "error": None}
            (good if status == 200 else bad).append(made)
        batch.status = "expired" if batch.fault == "expired" else "completed"
        batch.counts |= {"completed": len(good), "failed": len(bad)}
        batch.output_file = self._stored(reversed(good))  # the order is not that of the input
        batch.error_file = self._stored(bad)

    def _stored(self, lines: Any) -> str | None:
        content = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        return self.store(content) if content else None
