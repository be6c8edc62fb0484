"""Models: one file a model, each a `tf.keras` model that `compile` and `fit` train."""
