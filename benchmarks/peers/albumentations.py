"""albumentations (the MIT line, 2.x) in the same thread pool, with OpenCV's codec around it."""

import threading

import albumentations
import cv2
import numpy as np

from peers import BLOCK, QUALITY, RADIUS, Job, Operation, Timed, Work
from peers._threads import Change, change_all


def prepare(job: Job) -> Timed:
    """Return the timed function."""
    cv2.setNumThreads(1)
    return lambda: Work(change_all(job, _changer(job.operation)))


def _changer(operation: Operation) -> Change:
    own = threading.local()  # a transform keeps its random state to itself, so each thread has its own

    def changed(row: int, data: bytes) -> bytes:
        if not hasattr(own, "transform"):
            own.transform = _transform(operation)
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if pixels is None:
            raise ValueError(f"row {row}: OpenCV cannot decode the picture")
        result = own.transform(image=pixels)["image"]
        return cv2.imencode(".jpg", result, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()

    return changed


def _transform(operation: Operation) -> albumentations.BasicTransform:
    if operation == "blur":
        return albumentations.GaussianBlur(blur_limit=0, sigma_limit=RADIUS, p=1.0)
    ways = {"downscale": cv2.INTER_AREA, "upscale": cv2.INTER_NEAREST}
    return albumentations.Downscale(scale_range=(1 / BLOCK, 1 / BLOCK), interpolation_pair=ways, p=1.0)
