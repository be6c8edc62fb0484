"""Interactions: what a ranker learns of features together that none of them says alone.

```python
from tfmm.layers.interactions import CrossNetwork, DotInteraction, FactorizationMachine

features = tf.random.normal([32, 5, 16])  # 5 features of 16 numbers
pairs = DotInteraction()(features)  # float32 [32, 10]
second_order = FactorizationMachine()(features)  # float32 [32, 1]
crossed = CrossNetwork(depth=2)(tf.reshape(features, [32, 80]))  # float32 [32, 80]
```
"""

from tfmm.layers.interactions.cross import CrossNetwork
from tfmm.layers.interactions.dot import DotInteraction
from tfmm.layers.interactions.factorization import FactorizationMachine

__all__ = ["CrossNetwork", "DotInteraction", "FactorizationMachine"]
