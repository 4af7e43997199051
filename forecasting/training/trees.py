"""A fitted LightGBM model as the plain arrays that `forecasting.forest` walks through.

Shapes: T trees, N nodes of the largest tree.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecasting.forest import FIELDS
from forecasting.training.boosting import Boosted

Node = Mapping[str, Any]
_TYPES = (np.int16, np.float64, np.int16, np.int16, np.uint8, np.float64)


def arrays(model: Boosted) -> dict[str, NDArray[np.generic]]:
    """The arrays (T, N) by the names of `forecasting.forest.FIELDS`. Raises ValueError for a tree that is not of
    thresholds alone."""
    dumped = model.model.dump_model(num_iteration=model.trees)
    trees = [_flat(tree["tree_structure"]) for tree in dumped["tree_info"]]
    widest = max(map(len, trees))
    found = {name: np.zeros((len(trees), widest), kind) for name, kind in zip(FIELDS, _TYPES, strict=True)}
    found["left"][:] = found["right"][:] = np.arange(widest)  # what is not told is a leaf of its own
    for number, nodes in enumerate(trees):
        for place, node in enumerate(nodes):
            for name, value in zip(FIELDS, node, strict=True):
                found[name][number, place] = value
    return dict(found)


def _flat(root: Node) -> list[tuple[int, float, int, int, bool, float]]:
    """The nodes of one tree, the root first; a leaf is its own left and right."""
    nodes: list[tuple[int, float, int, int, bool, float]] = []

    def placed(node: Node) -> int:
        place = len(nodes)
        if "leaf_value" in node:
            nodes.append((0, 0.0, place, place, True, float(node["leaf_value"])))
            return place
        if node["decision_type"] != "<=" or node["missing_type"] not in ("NaN", "None"):
            raise ValueError(f"expected thresholds, found {node['decision_type']} {node['missing_type']}")
        nodes.append((0, 0.0, place, place, True, 0.0))
        limit = float(node["threshold"])
        unknown_left = bool(node["default_left"]) if node["missing_type"] == "NaN" else limit >= 0  # then NaN is 0
        left, right = placed(node["left_child"]), placed(node["right_child"])
        nodes[place] = (int(node["split_feature"]), limit, left, right, unknown_left, 0.0)
        return place

    placed(root)
    return nodes
