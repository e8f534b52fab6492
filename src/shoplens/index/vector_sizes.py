"""How long the vectors of a generation are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VectorSizes:
    """Lengths of what a photo holds in an index.

    Attributes:
        pretrained: of the untouched extractor's vector.
        placed: the filters' numbers beside a vector; 0 where there is no room for any.
        trained: of the trained extractor's vector; 0 where none was trained.
    """

    pretrained: int
    placed: int = 0
    trained: int = 0

    @property
    def look(self) -> int:
        """Of the vector that the dimension ``look`` compares: the trained one where there is one."""
        return self.trained or self.pretrained
