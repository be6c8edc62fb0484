"""Reasons as a client tells them, of a served model."""

import numpy as np
import pytest

from tfmm.serving.client import Explanation, Reason


def answer():
    return {
        "reason_item_id": np.array([["鞋/👢", "é", ""], ["", "", ""]], object),
        "reason_share": np.array([[0.5, -0.1, 0], [0, 0, 0]], np.float32),
        "reason_drop": np.array([[0.2, 0.1, 0], [0, 0, 0]], np.float32),
        "reason_relation": np.array([["颜色", "", ""], ["", "", ""]], object),
        "reason_value": np.array([["红", "", ""], ["", "", ""]], object),
        "score": np.array([0.7, 0.1], np.float32),
        "history_share": np.array([0.6, 0.0], np.float32),
        "shopper_share": np.array([0.1, 0.4], np.float32),
        "prior_share": np.array([0.3, 0.6], np.float32),
        "modality": np.array([["title", "photo"]] * 2, object),
        "modality_weight": np.array([[0.25, 0.75]] * 2, np.float32),
    }


def test_rows_become_reasons_without_padding():
    first, second = Explanation.rows(answer())
    assert [reason.item_id for reason in first.reasons] == ["鞋/👢", "é"]
    assert first.reasons[0] == Reason("鞋/👢", 0.5, pytest.approx(0.2), "颜色", "红")
    assert first.modalities == {"title": 0.25, "photo": 0.75}
    assert second.reasons == []


def test_a_sentence_names_the_first_reason():
    first, second = Explanation.rows(answer())
    assert first.sentence() == "because you looked at 鞋/👢 (颜色: 红)"
    assert first.sentence({"鞋/👢": "红靴子"}.get) == "because you looked at 红靴子 (颜色: 红)"
    assert second.sentence() == "because it is popular now"
