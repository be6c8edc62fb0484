"""Experts: networks that several labels share, each as far as it pays.

```python
from tfmm.layers.experts import MixtureOfExperts, ProgressiveExperts

layer = MixtureOfExperts(labels=2, experts=4, hidden=(32,))
click, buy = layer(tf.random.normal([8, 20]))  # float32 [8, 32] each
```
"""

from tfmm.layers.experts.mixture import MixtureOfExperts
from tfmm.layers.experts.progressive import ProgressiveExperts

__all__ = ["MixtureOfExperts", "ProgressiveExperts"]
