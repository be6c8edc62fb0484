import io
import os
import warnings

import numpy as np
import pytest
from PIL import Image

from tfmm.data.columns import ImageColumn
from tfmm.data.media.images import (
    ImageDecodeError,
    decode_image,
    load_thumbnails,
    thumbnail,
)
from tfmm.data.media.media import find_corrupt

RED = (200, 30, 40)


def encoded(image, form, **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def picture(colour=RED, size=(8, 6), mode="RGB"):
    return Image.new(mode, size, colour)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_formats_decode_to_rgb(form):
    pixels = decode_image(encoded(picture(), form))
    assert pixels.dtype == np.uint8
    assert pixels.shape == (6, 8, 3)
    assert np.abs(pixels.astype(int) - RED).max() < 8


@pytest.mark.parametrize(
    ("image", "form", "expected"),
    [
        (picture(90, mode="L"), "PNG", (90, 90, 90)),
        (picture(90, mode="L"), "JPEG", (90, 90, 90)),
        (picture((90, 255), mode="LA"), "PNG", (90, 90, 90)),
        (picture().quantize(4), "PNG", RED),
        (picture(1, mode="1"), "PNG", (255, 255, 255)),
        (picture((0, 255, 255, 0), mode="CMYK"), "JPEG", (255, 0, 0)),
        (picture((200, 30, 40, 0), mode="RGBA"), "PNG", (255, 255, 255)),
        (picture((0, 0, 0, 128), mode="RGBA"), "PNG", (127, 127, 127)),
        (picture(0x8080, mode="I;16"), "PNG", (128, 128, 128)),
    ],
    ids=["grey", "grey-jpeg", "grey-alpha", "palette", "bits", "cmyk", "clear", "half", "16-bit"],
)
def test_modes_become_rgb_on_white(image, form, expected):
    pixels = decode_image(encoded(image, form))
    assert pixels.shape == (6, 8, 3)
    assert np.abs(pixels.astype(int) - expected).max() <= 40 * (form == "JPEG") + 2


def test_gif_gives_its_first_frame():
    data = encoded(picture(), "GIF", save_all=True, append_images=[picture((0, 0, 255))])
    assert np.abs(decode_image(data).astype(int) - RED).max() < 8


def test_transparent_palette_is_laid_over_white():
    image = picture((0, 0, 0)).convert("P")
    data = encoded(image, "GIF", transparency=image.getpixel((0, 0)))
    assert decode_image(data).min() == 255


def test_camera_orientation_is_applied():
    image = Image.new("RGB", (8, 6), (255, 255, 255))
    image.paste((0, 0, 0), (0, 0, 4, 6))
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = decode_image(encoded(image, "JPEG", exif=exif))
    assert pixels.shape == (8, 6, 3)
    assert pixels[1].mean() < 60 < 200 < pixels[-2].mean()


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_costs_no_picture():
    data = encoded(picture(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert decode_image(data).shape == (6, 8, 3)


def noisy(size=(64, 64)):
    return Image.fromarray(
        np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
    )


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
def test_truncated_file_is_refused_by_name(tmp_path, form):
    path = tmp_path / "cut.img"
    data = encoded(noisy(), form)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ImageDecodeError, match=r"cannot decode .*cut\.img as an image"):
        decode_image(path)
    assert list(find_corrupt("image", [str(path)], "checking")) == [str(path)]


def test_bytes_that_are_no_image_are_refused():
    with pytest.raises(ImageDecodeError, match="cannot decode 5 bytes as an image"):
        decode_image(b"hello")
    with pytest.raises(ImageDecodeError, match="no_such"):
        decode_image("no_such.jpg")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_picture_of_a_hundred_megapixels_is_refused_unless_it_decodes_small(tmp_path):
    huge = Image.new("L", (12_000, 9_000), 90)
    huge.save(tmp_path / "huge.png", compress_level=1)
    huge.save(tmp_path / "huge.jpg", quality=10)
    message = r"huge\.png as an image: it has 12,000 x 9,000 pixels, more than the 64,000,000"
    for decode in (decode_image, lambda path: thumbnail(path, (8, 8))):
        with pytest.raises(ImageDecodeError, match=message):
            decode(tmp_path / "huge.png")
    found = find_corrupt("image", [str(tmp_path / f"huge.{form}") for form in ("png", "jpg")], "")
    assert list(found) == [str(tmp_path / "huge.png")]
    assert thumbnail(tmp_path / "huge.jpg", (8, 8))[4, 4] == pytest.approx(90, abs=2)


def test_thumbnail_keeps_aspect_and_continues_the_border():
    small = thumbnail(encoded(picture(size=(40, 20)), "PNG"), (16, 16))
    assert small.shape == (16, 16, 3)
    assert np.abs(small.astype(int) - RED).max() <= 1


def test_thumbnail_shows_the_whole_picture():
    image = Image.new("RGB", (40, 20), (255, 255, 255))
    image.paste((0, 0, 0), (10, 5, 30, 15))
    small = thumbnail(encoded(image, "PNG"), (16, 16))
    assert small[8, 8].max() < 30
    assert small[0].min() > 240
    assert small[:, 0].min() > 240


def files(folder, *images):
    paths = []
    for i, image in enumerate(images):
        paths.append(folder / f"{i}.png")
        image.save(paths[-1])
    return paths


def test_thumbnails_are_decoded_once_and_then_mapped(tmp_path, monkeypatch):
    paths = files(tmp_path, picture(), picture((0, 0, 255)))
    column = ImageColumn(((paths[0],), (), (paths[1],)))
    cache = tmp_path / "cache"
    first = load_thumbnails(column, (4, 5), cache)
    assert first.values.shape == (3, 4, 5, 3)
    assert first.present.tolist() == [True, False, True]
    assert not first.values[1].any()
    assert first.values[2, 0, 0].tolist() == [0, 0, 255]

    def refuse(*_):
        raise AssertionError("decoded again")

    monkeypatch.setattr("tfmm.data.media.images.thumbnail", refuse)
    second = load_thumbnails(column, (4, 5), cache)
    assert isinstance(second.values, np.memmap)
    np.testing.assert_array_equal(first.values, second.values)
    np.testing.assert_array_equal(first.present, second.present)


def test_changed_file_is_decoded_again(tmp_path):
    paths = files(tmp_path, picture())
    column = ImageColumn(((paths[0],),))
    load_thumbnails(column, (4, 4), tmp_path / "cache")
    picture((0, 255, 0)).save(paths[0])
    os.utime(paths[0], ns=(1, 1))
    assert load_thumbnails(column, (4, 4), tmp_path / "cache").values[0, 0, 0].tolist() == [
        0,
        255,
        0,
    ]


def test_interrupted_thumbnails_leave_nothing_behind(tmp_path, monkeypatch):
    column = ImageColumn(((files(tmp_path, picture())[0],),))

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("tfmm.data.media.images.thumbnail", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load_thumbnails(column, (4, 4), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_undecodable_image_counts_as_missing_with_a_warning(tmp_path):
    good = files(tmp_path, picture())[0]
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no")
    column = ImageColumn(((bad, good), (bad,)))
    with pytest.warns(UserWarning, match=r"2 images do not decode .*bad\.png"):
        loaded = load_thumbnails(column, (4, 4))
    assert loaded.present.tolist() == [True, False]


def test_several_images_an_item_have_places_of_their_own(tmp_path):
    a, b, c = files(tmp_path, picture(), picture((0, 0, 255)), picture((0, 255, 0)))
    column = ImageColumn(((a, b, c), (c,)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = load_thumbnails(column, (4, 4), tmp_path / "cache", max_images=2)
    assert loaded.values.shape == (2, 2, 4, 4, 3)
    assert loaded.present.tolist() == [[True, True], [True, False]]
    assert loaded.values[0, 1, 0, 0].tolist() == [0, 0, 255]


def test_no_items_give_no_thumbnails(tmp_path):
    loaded = load_thumbnails(ImageColumn(()), (4, 4), tmp_path / "cache")
    assert loaded.values.shape == (0, 4, 4, 3)


def test_size_must_be_positive():
    with pytest.raises(ValueError, match="must be positive"):
        load_thumbnails(ImageColumn(()), (0, 4))
