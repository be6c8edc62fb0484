"""Makes the sample shop that tfmm ships: real photographs of clothes, simulated shoppers.

    python tools/make_sample_shop.py                  # everything; photographs from TFMM_DATA
    python tools/make_sample_shop.py --only-shoppers  # users.csv and events.csv from items.csv

What is real: the photographs, their labels and kids flags (clothing-dataset, public domain, CC0),
and what is measured in them. What is simulated: prices, shoppers and events.

The items
    24 photographs of each label (all where there are fewer): those in which the garment stands out
    most clearly, so that its measured colour can be trusted. Titles are made of the kids flag, the
    measured colours, "patterned" where the measured texture is strong, and the label. Tags go by
    label: the seasons and the occasion that it is worn for.

The rule of the shoppers' taste
    A shopper's liking of an item is a sum of what is seen in the picture, of appeal and of chance:

        liking =  3.0 * colour     exp(-d^2 / 2), d the distance of the item's mean Lab colour to
                                   the nearer of two favourite colours, in units of 16
                + 0.5 * lightness  the shopper likes light or dark things: N(0, 1) times lightness
                + 0.5 * texture    ... plain or patterned ones: N(0, 1) times log texture
                + 2.5 * garment    the item's label is among the shopper's five favourite ones
                + 2.0 * audience   the item is for those (kids, adults) whom the shopper buys for
                + 0.6 * appeal     N(0, 1) of the item, the same for all: some things sell better
                + 0.5 * chance     N(0, 1) of the pair: what nobody can predict

    lightness and texture standardised over the shop. Favourite colours are those of two random
    items whose colours have different names (names drawn evenly, or half of the shoppers would love
    black); favourite labels are drawn at random; one shopper in five buys for kids. Neither titles,
    tags, prices nor any split into training and test enter the rule.

    A shopper comes for one to four sessions within 120 days. A session is about one or two of the
    favourite labels (their items count +1.0 more in it) and shows two to seven items, drawn without
    replacement in proportion to exp(liking). What was seen is put in the cart with a probability
    that grows with liking, about one in five, and half of that is bought.

Every random draw comes from a generator seeded by (seed, purpose, number), so that a shopper's
events do not depend on the other shoppers.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image
from sample_shop_pictures import Look, look_at

SHOP = Path(__file__).resolve().parents[1] / "tfmm" / "sample_shop"
PHOTOGRAPHS = "clothing_cc0"
PER_LABEL = 24
SIDE = 128
SHOPPERS = 500
DAYS = 120
START = datetime(2025, 3, 1)
PATTERNED = 7.0

# The photograph's label: what a shop calls it, its tags, and the middle of its simulated price.
GARMENTS: dict[str, tuple[str, str, str, float]] = {
    "Blazer": ("blazer", "Blazers", "autumn|spring|office", 89.0),
    "Blouse": ("blouse", "Blouses", "spring|summer|office", 39.0),
    "Body": ("bodysuit", "Bodysuits", "all year|home", 19.0),
    "Dress": ("dress", "Dresses", "summer|going out", 59.0),
    "Hat": ("hat", "Hats", "summer|outdoors", 22.0),
    "Hoodie": ("hoodie", "Hoodies", "autumn|winter|casual", 45.0),
    "Longsleeve": ("long-sleeved top", "Long-sleeved tops", "autumn|winter|casual", 35.0),
    "Outwear": ("jacket", "Jackets", "autumn|winter|outdoors", 99.0),
    "Pants": ("trousers", "Trousers", "all year|casual", 49.0),
    "Polo": ("polo shirt", "Polo shirts", "spring|summer|casual", 32.0),
    "Shirt": ("shirt", "Shirts", "all year|office", 42.0),
    "Shoes": ("shoes", "Shoes", "all year|outdoors", 69.0),
    "Shorts": ("shorts", "Shorts", "summer|sport", 29.0),
    "Skirt": ("skirt", "Skirts", "summer|going out", 38.0),
    "T-Shirt": ("t-shirt", "T-shirts", "summer|casual", 18.0),
    "Top": ("top", "Tops", "summer|going out", 20.0),
    "Undershirt": ("tank top", "Tank tops", "summer|home", 14.0),
}

ITEM_COLUMNS = (
    "item_id title type colour audience tags price lightness redness yellowness texture photograph"
).split()


def generator(seed: int, purpose: int, number: int = 0) -> np.random.Generator:
    """The random numbers of one purpose: 0 prices, 1 appeal, 2 a shopper."""
    return np.random.Generator(np.random.PCG64([seed, purpose, number]))


def title(look: Look, garment: str, kids: bool) -> str:
    """As in "Kids' red and white patterned t-shirt"."""
    words = [look.colour]
    if look.second:
        words += ["and", look.second]
    if look.texture >= PATTERNED:
        words.append("patterned")
    text = " ".join([*words, garment])
    return f"Kids' {text}" if kids else text[0].upper() + text[1:]


def make_items(source: Path, shop: Path, seed: int) -> list[dict[str, str]]:
    """Chooses the photographs, writes their thumbnails and items.csv; returns its rows."""
    with (source / "images.csv").open(newline="", encoding="utf-8") as file:
        photographs = sorted(csv.DictReader(file), key=lambda row: row["image"])
    pictures = shop / "images"
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.mkdir(parents=True)
    chosen: list[dict[str, str]] = []
    for label in GARMENTS:
        looks = []
        for row in photographs:
            if row["label"] == label:
                with Image.open(source / "images" / f"{row['image']}.jpg") as picture:
                    looks.append((-look_at(picture).certainty, row["image"], row))
        chosen += [row for _, _, row in sorted(looks, key=lambda entry: entry[:2])[:PER_LABEL]]
        print(f"  {label}: {min(len(looks), PER_LABEL)} of {len(looks)} photographs", flush=True)
    # In the order of the photographs' random names, an item's number says nothing about it.
    chosen.sort(key=lambda row: row["image"])

    rows = []
    for number, row in enumerate(chosen, start=1):
        item = f"{number:05d}"
        with Image.open(source / "images" / f"{row['image']}.jpg") as picture:
            small = picture.convert("RGB")
        small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        small.save(pictures / f"{item}.jpg", quality=85, optimize=True)
        with Image.open(pictures / f"{item}.jpg") as shipped:
            look = look_at(shipped)
        garment, kind, tags, middle = GARMENTS[row["label"]]
        kids = row["kids"] == "True"
        price = middle * np.exp(0.25 * generator(seed, 0, number).standard_normal())
        rows.append(
            {
                "item_id": item,
                "title": title(look, garment, kids),
                "type": kind,
                "colour": look.colour,
                "audience": "kids" if kids else "adults",
                "tags": tags,
                "price": f"{round(price * (0.6 if kids else 1.0)) - 0.05:.2f}",
                "lightness": f"{look.lab[0]:.1f}",
                "redness": f"{look.lab[1]:.1f}",
                "yellowness": f"{look.lab[2]:.1f}",
                "texture": f"{look.texture:.2f}",
                "photograph": row["image"],
            }
        )
    write(shop / "items.csv", ITEM_COLUMNS, rows)
    shutil.copyfile(source / "LICENSE", shop / "LICENSE")
    return rows


def standardised(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / values.std()


def make_shopper(
    items: dict[str, np.ndarray], number: int, seed: int
) -> tuple[dict[str, str], list[dict[str, str]]]:
    """One shopper and the shopper's events, by the rule at the top of this file.

    Args:
        items: the columns that the rule reads, [n_items] each ("lab" is [n_items, 3]).
        number: the shopper's number, from 1.
        seed: the shop's seed.
    """
    random = generator(seed, 2, number)
    count = len(items["id"])
    labels = np.unique(items["type"])
    for_kids = random.random() < 0.2
    favourites = np.stack(
        [
            items["lab"][random.permutation(np.flatnonzero(items["colour"] == name))[0]]
            for name in random.permutation(np.unique(items["colour"]))[:2]
        ]
    )
    distance = np.linalg.norm(items["lab"][:, None] - favourites[None], axis=-1).min(axis=1) / 16
    favourite_labels = labels[random.permutation(len(labels))[:5]]
    liking = (
        3.0 * np.exp(-(distance**2) / 2)
        + 0.5 * random.standard_normal() * items["lightness"]
        + 0.5 * random.standard_normal() * items["texture"]
        + 2.5 * np.isin(items["type"], favourite_labels)
        + 2.0 * ((items["audience"] == "kids") == for_kids)
        + 0.6 * items["appeal"]
        + 0.5 * random.standard_normal(count)
    )
    user = f"s{number:04d}"
    events: list[dict[str, str]] = []

    def happened(item: int, kind: str, moment: datetime) -> None:
        time = moment.isoformat(timespec="seconds")
        events.append({"user_id": user, "item_id": items["id"][item], "type": kind, "time": time})

    days = np.sort(random.permutation(DAYS)[: random.integers(1, 5)])
    for day in days:
        now = START + timedelta(days=int(day), seconds=int(random.integers(8 * 3600, 22 * 3600)))
        about = favourite_labels[random.permutation(5)[: random.integers(1, 3)]]
        today = liking + 1.0 * np.isin(items["type"], about)
        # Largest keys of Gumbel noise plus utility: draws without replacement in proportion to exp.
        keys = today - np.log(-np.log(random.random(count)))
        for item in np.argsort(-keys)[: random.integers(2, 8)]:
            now += timedelta(seconds=int(random.integers(15, 180)))
            happened(item, "view", now)
            if random.random() < 1 / (1 + np.exp(8.6 - today[item])):
                now += timedelta(seconds=int(random.integers(5, 60)))
                happened(item, "cart", now)
                if random.random() < 0.5:
                    now += timedelta(seconds=int(random.integers(20, 300)))
                    happened(item, "buy", now)
    household = "with children" if for_kids else "without children"
    return {"user_id": user, "household": household}, events


def make_shoppers(rows: list[dict[str, str]], shop: Path, seed: int, shoppers: int) -> int:
    """Writes users.csv and events.csv for these items; returns the number of events."""
    numbers = {
        name: np.array([float(row[name]) for row in rows])
        for name in ("lightness", "redness", "yellowness", "texture")
    }
    items = {
        "id": np.array([row["item_id"] for row in rows]),
        "type": np.array([row["type"] for row in rows]),
        "colour": np.array([row["colour"] for row in rows]),
        "audience": np.array([row["audience"] for row in rows]),
        "lab": np.stack([numbers[key] for key in ("lightness", "redness", "yellowness")], axis=1),
        "lightness": standardised(numbers["lightness"]),
        "texture": standardised(np.log(numbers["texture"])),
        "appeal": generator(seed, 1).standard_normal(len(rows)),
    }
    users, events = [], []
    for number in range(1, shoppers + 1):
        user, happened = make_shopper(items, number, seed)
        users.append(user)
        events += happened
    events.sort(key=lambda event: event["time"])
    write(shop / "users.csv", ["user_id", "household"], users)
    write(shop / "events.csv", ["user_id", "item_id", "type", "time"], events)
    return len(events)


def write(path: Path, columns: list[str], rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_items(shop: Path) -> list[dict[str, str]]:
    with (shop / "items.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Makes the sample shop that tfmm ships.")
    parser.add_argument("--out", type=Path, default=SHOP, help="the shop's folder")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--shoppers", type=int, default=SHOPPERS)
    parser.add_argument(
        "--only-shoppers", action="store_true", help="keep the pictures and items.csv as they are"
    )
    options = parser.parse_args(arguments)
    data = Path(os.environ.get("TFMM_DATA") or "no folder")
    if options.only_shoppers:
        rows = read_items(options.out)
    elif (data / PHOTOGRAPHS / "images.csv").is_file():
        rows = make_items(data / PHOTOGRAPHS, options.out, options.seed)
    else:
        print(
            f"no photographs in {data / PHOTOGRAPHS}; set TFMM_DATA to the folder that holds "
            f"{PHOTOGRAPHS}/, or keep the shipped pictures with --only-shoppers",
            file=sys.stderr,
        )
        return 1
    events = make_shoppers(rows, options.out, options.seed, options.shoppers)
    print(f"{len(rows)} items, {options.shoppers} shoppers, {events} events in {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
