"""An editor for the builder `edited`: what stands in the box is painted out, and a disc of a drawn colour takes its place.

It shows the protocol (docs/editors.md) and needs nothing but OpenCV. What it paints is no pile of rocks: a model that
in-paints by words belongs where `cv2.circle` stands.
"""

import random

import cv2
import numpy as np


def disc(picture: bytes, box: tuple[int, int, int, int], instruction: str, seed: int) -> bytes:
    """Return the picture with a disc in the place of what stood in the box."""
    pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    left, top, right, bottom = box
    hole = np.zeros(pixels.shape[:2], np.uint8)
    hole[top:bottom, left:right] = 255
    painted = cv2.inpaint(pixels, hole, 5, cv2.INPAINT_TELEA)
    colour = random.Random(seed).choices(range(256), k=3)  # chance, not secrets
    radius = min(right - left, bottom - top) // 2
    cv2.circle(painted, ((left + right) // 2, (top + bottom) // 2), radius, colour, cv2.FILLED)
    return cv2.imencode(".png", painted)[1].tobytes()
