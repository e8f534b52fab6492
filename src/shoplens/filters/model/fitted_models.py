"""The fitted parameters of filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shoplens.filters.dimensions.dimension import DESIGN, OBJECT, SHAPE
from shoplens.filters.fitting.crossfit import LinearHeads
from shoplens.filters.model.class_layout import ClassTree
from shoplens.filters.model.named_classes import NamedClasses
from shoplens.filters.model.principal_components import FeatureProjection, PrincipalComponents
from shoplens.filters.model.scoring import DENSE_SIZE
from shoplens.filters.model.view_metric import ViewMetric


@dataclass(frozen=True, slots=True, eq=False)
class FittedModels:
    """The fitted parameters of filters.

    Attributes:
        components: the principal components that the heads work on.
        heads: linear heads of every predicted entry of the class layout, in order.
        trees: the tree of each dimension that is one.
        design, shape, tint: projections of the features to unit vectors.
        object: the same of the object's features; None where the network finds no objects.
        named: scores of the classes that are known by their names; None where there are none.
        views: how photos of one product differ in ``look`` and ``object``; None where no product has several.
    """

    components: PrincipalComponents
    heads: LinearHeads
    trees: Mapping[str, ClassTree]
    design: FeatureProjection
    shape: FeatureProjection
    tint: FeatureProjection
    object: FeatureProjection | None = None
    named: NamedClasses | None = None
    views: ViewMetric | None = None

    @property
    def dense_size(self) -> int:
        """Length m of a dense vector."""
        return DENSE_SIZE + (0 if self.object is None else self.object.size)

    @property
    def constant_dimensions(self) -> tuple[str, ...]:
        """The dimensions of unit vectors in which all training photos are equal, and so all other photos are."""
        projections = {DESIGN: self.design, SHAPE: self.shape}
        if self.object is not None:
            projections[OBJECT] = self.object
        return tuple(name for name, projection in projections.items() if not projection.axes.any())
