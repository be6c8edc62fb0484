"""Fusion: the vectors of an item's modalities, some of them missing, to one vector.

```python
from tfmm.layers.fusion import fusion

fuse = fusion("gated", dim=64)
vector, weights = fuse(tokens, mask)  # [n, M, 64], bool [n, M] -> [n, 64], [n, M]
```
"""

from tfmm.layers.fusion.base import Fusion, fusion, names
from tfmm.layers.fusion.early import Attention, Concat, Gated, Weighted
from tfmm.layers.fusion.late import Hybrid, Late

__all__ = [
    "Attention",
    "Concat",
    "Fusion",
    "Gated",
    "Hybrid",
    "Late",
    "Weighted",
    "fusion",
    "names",
]
