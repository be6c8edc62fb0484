"""The tiny shop as the tests of models read it."""

import pytest

import tfmm


@pytest.fixture(scope="module")
def shop(shop_file):
    return tfmm.load(shop_file)


@pytest.fixture(scope="module")
def parts(shop):
    return tfmm.split(shop, by="user", valid=0.1, test=0.2, seed=1)
