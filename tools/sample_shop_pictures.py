"""What the sample shop sees in a picture: the garment, its colour and its texture.

The photographs show one garment on a floor, a bed, a wall or a door. The garment is found by
colour and place alone (a small relative of GrabCut: Rother, Kolmogorov and Blake, 2004): the
frame's border says what the background looks like, the middle says what the garment looks like, and
a few rounds of reassigning pixels between the two, smoothed over space, settle the mask. Colours
are compared in CIE Lab (D65), where distance is close to seen difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

COLOURS = (
    "black grey white beige brown red burgundy orange yellow green olive teal blue navy purple pink"
).split()


@dataclass(frozen=True)
class Look:
    """What was measured in one picture.

    Attributes:
        colour: name of the garment's main colour, one of `COLOURS`.
        second: name of its second colour where that covers at least 28 % of it, else "".
        lab: mean CIE Lab of the main colour, (L 0 to 100, a, b).
        texture: mean lightness gradient inside the garment, Lab units a pixel.
        certainty: 0 to 1, how clearly the garment stands out from what surrounds it.
    """

    colour: str
    second: str
    lab: tuple[float, float, float]
    texture: float
    certainty: float


def to_lab(rgb: np.ndarray) -> np.ndarray:
    """sRGB uint8 [..., 3] to CIE Lab float64 [..., 3] under D65 (IEC 61966-2-1)."""
    value = rgb.astype(np.float64) / 255.0
    linear = np.where(value > 0.04045, ((value + 0.055) / 1.055) ** 2.4, value / 12.92)
    matrix = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = linear @ matrix.T / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def name_colour(lab: np.ndarray) -> str:
    """The everyday name of a CIE Lab colour [3]: lightness and chroma first, then hue."""
    lightness, a, b = (float(v) for v in lab)
    chroma = float(np.hypot(a, b))
    hue = float(np.degrees(np.arctan2(b, a))) % 360
    warm = 20 <= hue < 100
    if lightness < 20 and chroma < 9:
        return "black"
    if chroma < (10 if warm else 7):
        return "black" if lightness < 26 else "grey" if lightness < 66 else "white"
    if hue < 20 or hue >= 345:
        if lightness < 32:
            return "burgundy"
        return "red" if lightness < 52 and chroma > 45 else "pink"
    if hue < 45:
        if chroma < 22:
            return "brown" if lightness < 55 else "beige" if lightness < 72 else "pink"
        if lightness < 30:
            return "burgundy" if chroma > 24 and hue < 35 else "brown"
        if lightness > 60 and chroma < 45:
            return "pink"
        return "brown" if hue > 38 and chroma < 42 else "red" if lightness < 60 else "orange"
    if hue < 78:
        if chroma < 30:
            return "brown" if lightness < 52 else "beige"
        return "brown" if lightness < 54 or chroma < 40 else "orange"
    if hue < 105:
        if chroma < 32:
            return (
                "olive" if lightness < 45 and hue > 92 else "brown" if lightness < 45 else "beige"
            )
        return "yellow" if lightness > 55 else "olive"
    if hue < 165:
        return "olive" if lightness < 45 and hue < 125 and chroma < 30 else "green"
    if hue < 225:
        return "teal" if chroma > 9 else "grey"
    if hue < 300:
        return "navy" if lightness < (31 if chroma < 38 else 24) else "blue"
    if hue < 330:
        return "purple"
    return "burgundy" if lightness < 25 else "pink" if lightness > 45 else "purple"


def _centres(points: np.ndarray, weights: np.ndarray, count: int) -> np.ndarray:
    """Weighted k-means of points [n, 3]; starts spread along lightness, so it needs no seed."""
    step = max(1, len(points) // 1500)
    points, weights = points[::step], weights[::step]
    order = np.argsort(points[:, 0], kind="stable")
    total = np.cumsum(weights[order])
    marks = (np.arange(count) + 0.5) / count * total[-1]
    centres = points[order[np.searchsorted(total, marks).clip(0, len(order) - 1)]].copy()
    for _ in range(12):
        nearest = _distances(points, centres).argmin(axis=1)
        for index in range(count):
            mine = nearest == index
            if weights[mine].sum() > 0:
                centres[index] = np.average(points[mine], axis=0, weights=weights[mine])
    return centres


def _distances(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Squared distances [n, k]; lightness counts half, as shade and folds move it most."""
    scale = np.array([0.6, 1.0, 1.0])
    points, centres = points * scale, centres * scale
    squares = (points**2).sum(axis=1)[:, None] + (centres**2).sum(axis=1)[None]
    return np.maximum(squares - 2 * points @ centres.T, 0)


def find_garment(lab: np.ndarray) -> np.ndarray:
    """Mask [h, w] of the pixels that belong to the garment in a Lab picture [h, w, 3]."""
    height, width = lab.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    away = np.hypot((y + 0.5) / height - 0.5, (x + 0.5) / width - 0.5)
    centre = np.exp(-((away / 0.26) ** 2))
    ring = np.minimum.reduce([y, x, height - 1 - y, width - 1 - x]) < max(
        3, min(height, width) // 12
    )
    points = ndimage.gaussian_filter(lab, (0.8, 0.8, 0)).reshape(-1, 3)

    background = _centres(points[ring.ravel()], np.ones(int(ring.sum())), 4)
    far = np.sqrt(_distances(points, background).min(axis=1))
    inside = centre.ravel() * (1 - np.exp(-((far / 12.0) ** 2))) + 1e-6
    prior = 2.2 * (centre - 0.35) - 1.5 * ring
    probability = centre
    for _ in range(5):
        garment = _centres(points, inside, 4)
        near_garment = _distances(points, garment).min(axis=1)
        near_background = _distances(points, background).min(axis=1)
        log_odds = ((near_background - near_garment) / (2 * 7.0**2)).clip(-6, 6)
        log_odds = ndimage.gaussian_filter(log_odds.reshape(height, width) + prior, 1.2)
        probability = 1 / (1 + np.exp(-log_odds))
        inside = (probability * (centre + 0.1)).ravel() + 1e-6
        # Pixels in the middle join the background only when they are clearly no garment: the gap
        # between trouser legs should, the sleeve of a shirt should not.
        outside = (1 - probability) ** 3 * np.where(ring, 1.0, 0.3)
        background = _centres(points, outside.ravel() + 1e-6, 5)
    mask = ndimage.binary_opening(probability > 0.5, iterations=1)
    pieces, count = ndimage.label(mask)
    if count == 0:
        return centre > 0.6
    mass = ndimage.sum(centre, pieces, np.arange(1, count + 1))
    return np.isin(pieces, 1 + np.flatnonzero(mass >= 0.3 * mass.max()))


def look_at(picture: Image.Image) -> Look:
    """Measures one picture of a garment, at most 96 pixels a side."""
    small = picture.convert("RGB")
    small.thumbnail((96, 96), Image.Resampling.LANCZOS)
    lab = to_lab(np.asarray(small))
    mask = find_garment(lab)
    core = ndimage.binary_erosion(mask, iterations=2)
    core = core if core.sum() > 60 else mask
    points = lab[core]
    centres = _centres(points, np.ones(len(points)), 3)
    nearest = _distances(points, centres).argmin(axis=1)
    names = [name_colour(centre) for centre in centres]
    shares: dict[str, float] = {}
    for index, name in enumerate(names):
        shares[name] = shares.get(name, 0.0) + float((nearest == index).mean())
    ranked = sorted(shares, key=lambda name: (-shares[name], name))
    main = ranked[0]
    of_main = [index for index, name in enumerate(names) if name == main]
    mean = points[np.isin(nearest, of_main)].mean(axis=0)
    gradient = np.hypot(*np.gradient(lab[..., 0]))
    around = ndimage.binary_dilation(mask, iterations=6) & ~ndimage.binary_dilation(
        mask, iterations=2
    )
    gap = 0.0
    if around.any():
        gap = float(np.sqrt(_distances(centres, lab[around].mean(axis=0)[None]).min()))
    area = float(mask.mean())
    certainty = min(1.0, gap / 25.0) * (1.0 if 0.12 < area < 0.6 else 0.4)
    return Look(
        colour=main,
        second=ranked[1] if len(ranked) > 1 and shares[ranked[1]] >= 0.28 else "",
        lab=(float(mean[0]), float(mean[1]), float(mean[2])),
        texture=float(gradient[core].mean()),
        certainty=certainty,
    )
