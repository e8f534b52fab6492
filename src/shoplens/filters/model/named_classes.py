"""Classes that are known by their names: photos are scored by the text vectors of the names.

The dimension needs no labels (zero-shot classification: Radford et al. 2021, "Learning Transferable Visual Models From
Natural Language Supervision", 3.1); where the feed has some, they calibrate it.
"""

from __future__ import annotations

from dataclasses import dataclass

from shoplens.filters.fitting.crossfit import Ints
from shoplens.filters.model.principal_components import normalize_rows
from shoplens.filters.photo_features.pixels import Floats


@dataclass(frozen=True, slots=True, eq=False)
class NamedClasses:
    """The named classes of all dimensions.

    Attributes:
        columns: int64 (k,), the number of each class among the predicted entries of the class layout.
        vectors: float32 (k, backbone), length 1: text vectors of the names, rounded to half precision.
        scale, bias: float32 (k,): the logit of a class is ``scale`` times its cosine plus ``bias``.
    """

    columns: Ints
    vectors: Floats
    scale: Floats
    bias: Floats

    def set_logits(self, logits: Floats, vectors: Floats) -> None:
        """Write the logits of these classes into those of all predicted entries.

        Args:
            logits: float32 (n, predicted entries).
            vectors: float32 (n, backbone), the vectors of the photos; rows of any length.
        """
        logits[:, self.columns] = (normalize_rows(vectors) @ self.vectors.T) * self.scale + self.bias
