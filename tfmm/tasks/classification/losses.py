"""Losses over labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

LOSSES = ("cross_entropy", "focal")


class LabelLoss:
    """The mean loss of a batch of logits.

    One label an item is a softmax over all, several are a sigmoid each. `focal` weighs each term by
    (1 - p) ** focus, p being the probability of what is right (Lin et al., "Focal loss for dense
    object detection", ICCV 2017). Logit adjustment adds `adjust` times the logarithm of each
    label's share to the logits in training (Menon et al., "Long-tail learning via logit
    adjustment", ICLR 2021, equation 10), so that rare labels need no larger logits to win.

    ```python
    loss = LabelLoss(np.array([0.7, 0.2, 0.1]), several=False, smoothing=0.1, adjust=1.0)
    loss(tf.zeros([2, 3]), tf.constant([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))
    ```

    Args:
        shares: float `[C]`, the share of training items with each label.
        several: whether an item may have several labels.
        loss: `cross_entropy` or `focal`.
        focus: see above.
        smoothing: share of the target that is spread over all labels.
        adjust: see above.
        levels: of a path of classes, for each coarser level, int `[C]`, the class of each label.
            The probability of a class is the sum of its labels', so that levels never contradict
            each other, and the loss is the mean over all levels.

    Raises:
        ValueError: for an unknown loss, or a number out of range.
    """

    def __init__(
        self,
        shares: np.ndarray,
        several: bool,
        *,
        loss: str = "cross_entropy",
        focus: float = 2.0,
        smoothing: float = 0.0,
        adjust: float = 0.0,
        levels: Sequence[np.ndarray] = (),
    ) -> None:
        if loss not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {loss!r}.")
        if not 0.0 <= smoothing < 1.0:
            raise ValueError(f"smoothing must lie in [0, 1), got {smoothing}.")
        if focus < 0 or adjust < 0:
            raise ValueError(f"focus and adjust must be 0 or more, got {focus} and {adjust}.")
        self.several, self.focal, self.focus = several, loss == "focal", focus
        self.smoothing = smoothing
        #: For each coarser level, which labels `[C, C]` are of one class.
        self.akin = [(of[:, None] == of).astype(np.float32) for of in levels]
        prior = np.log(np.maximum(shares, 1e-9))
        if several:
            prior -= np.log1p(-np.minimum(shares, 1 - 1e-9))
        self.prior = (adjust * prior).astype(np.float32)

    def __call__(self, logits: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        """The loss, a scalar.

        Args:
            logits: float32 `[B, C]`.
            targets: float32 `[B, C]`, 1 for the labels that an item has.
        """
        logits = logits + self.prior
        if self.several:
            soft = targets * (1.0 - self.smoothing) + 0.5 * self.smoothing
            losses = tf.nn.sigmoid_cross_entropy_with_logits(soft, logits)
            if self.focal:
                right = tf.where(targets > 0, tf.sigmoid(logits), tf.sigmoid(-logits))
                losses *= (1.0 - right) ** self.focus
            return tf.reduce_mean(tf.reduce_sum(losses, axis=1))
        soft = targets * (1.0 - self.smoothing) + self.smoothing / targets.shape[1]
        losses = tf.nn.softmax_cross_entropy_with_logits(soft, logits)
        if self.focal:
            right = tf.reduce_sum(tf.nn.softmax(logits) * targets, axis=1)
            losses *= (1.0 - right) ** self.focus
        for akin in self.akin:
            losses += self._of_class(logits, tf.matmul(targets, akin) > 0)
        return tf.reduce_mean(losses) / (1 + len(self.akin))

    def _of_class(self, logits: tf.Tensor, members: tf.Tensor) -> tf.Tensor:
        """The loss `[B]` of classes whose labels are `members` bool `[B, C]`."""
        log = tf.nn.log_softmax(logits)
        log = tf.reduce_logsumexp(tf.where(members, log, log.dtype.min), axis=1)
        return -log * (1.0 - tf.exp(log)) ** self.focus if self.focal else -log
