from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from tfmm.data import load

ITEMS = "id,title,colour,price,tags\n001,Red hat,red,9.5,a|b\n002,Blue coat,blue,50,b\n"
EVENTS = "user,item,when\nu1,001,2020-01-01\nu2,002,2020-01-02\nu1,002,2020-01-03\n"
FEATURES = {
    "title": {"kind": "text", "column": "title"},
    "colour": {"kind": "category", "column": "colour"},
    "price": {"kind": "number", "column": "price"},
    "tags": {"kind": "tags", "column": "tags"},
}


class ShopFolder:
    """A shop written into a folder, to be changed by a test and then loaded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mapping = {
            "items": {"table": "items.csv", "id": "id", "features": deepcopy(FEATURES)},
            "events": {"table": "events.csv", "user": "user", "item": "item", "time": "when"},
        }
        self.write("items.csv", ITEMS)
        self.write("events.csv", EVENTS)

    def write(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")

    def features(self, **features):
        self.mapping["items"]["features"] = features

    def load(self, **options):
        (self.folder / "shop.yaml").write_text(yaml.safe_dump(self.mapping))
        return load(self.folder / "shop.yaml", **options)


@pytest.fixture
def shop(tmp_path):
    return ShopFolder(tmp_path)
