"""How far an attack on a picture came: what provenance and judgements tell of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pairwright.annotators._similarity import SCALE, rounded
from pairwright.schemas.attack import Figures
from pairwright.schemas.judgement import Judgement


@dataclass(frozen=True, slots=True)
class Reached:
    """How far an attack on one picture came."""

    encoder: str
    """Name of its model."""
    figures: Figures
    towards: Mapping[str, str] = field(default_factory=dict)
    """What it went towards: ``{"text": "a dog"}``, or ``other_image`` with a record id; nothing for an attack that only goes away."""
    cut: bool = False
    """Whether a text that it went towards is longer than the encoder reads."""

    def told(self) -> dict[str, object]:
        """Return encoder, target and what was reached, as provenance has it.

        >>> Reached("tiny", Figures(12.34567, 12.6, 0.0, 0.31234)).told()
        {'encoder': 'tiny', 'cosine': 0.3123, 'squared_distance': 12.35}
        """
        told: dict[str, object] = {"encoder": self.encoder, "cosine": round(self.figures.cosine, 4)}
        if not self.towards:
            return told | {"squared_distance": self.distance}
        told["towards"] = dict(self.towards) | ({"cut": True} if self.cut else {})
        return told | {
            "cosine_with_target": round(self.figures.objective, 4),
            "cosine_with_target_before": round(self.figures.clean, 4),
        }

    @property
    def distance(self) -> float:
        """Squared distance of the features from those of the clean picture, to four digits; of an untargeted attack."""
        return float(f"{self.figures.objective:.4g}")

    def judgements(self, target: str) -> Iterator[Judgement]:
        """Yield how alike the two pictures are to the encoder, and how far the attack came."""
        alike = rounded(SCALE * self.figures.cosine)
        yield Judgement(target, self.encoder, "image_image", alike, -SCALE, SCALE)
        if not self.towards:
            yield Judgement(target, self.encoder, "squared_distance", self.distance, 0.0)
            return
        gain = rounded(SCALE * (self.figures.objective - self.figures.clean))
        yield Judgement(target, self.encoder, "target_gain", gain, -2 * SCALE, 2 * SCALE)
