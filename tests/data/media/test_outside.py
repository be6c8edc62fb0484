"""Cells never lead to files outside the shop's folder, unless the shop file says so."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.media import tone, wav, write_clip, write_gif
from tfmm.data import CheckError
from tfmm.data.media.folders import Folders
from tfmm.data.media.video import VideoDecodeError, sample_frames
from tfmm.data.shop_file.schema import Shop
from tfmm.data.shop_file.specs import ShopFileError


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (200, 30, 30)).save(path)
    return path


@pytest.fixture
def world(tmp_path, shop_in):
    """A shop in a folder beside which lie pictures that are not the shop's."""
    picture(tmp_path / "geheim 秘密" / "ключ.png")
    return shop_in(tmp_path / "shop")


@pytest.fixture
def shop_in():
    from tests.data.conftest import ShopFolder

    def made(folder):
        folder.mkdir()
        return ShopFolder(folder)

    return made


def with_cells(shop, *cells, **feature):
    shop.features(photo={"kind": "image", "column": "photo", **feature})
    lines = "".join(f"p{n},{cell}\n" for n, cell in enumerate(cells))
    shop.write("items.csv", "id,photo\n" + lines)
    events = "".join(f"u{n},p{n},2020-01-0{n + 1}\n" for n in range(len(cells)))
    shop.write("events.csv", "user,item,when\n" + events)
    return shop


def finding(data, check="outside_files"):
    (one,) = [found for found in data.report.findings if found.check == check]
    return one


def paths(data):
    return [tuple(path.name for path in row) for row in data.items.features["photo"].paths]


def test_cells_that_climb_out_are_not_read(world):
    picture(world.folder / "img" / "a.png")
    secret = world.folder.parent / "geheim 秘密" / "ключ.png"
    cells = ("img/a.png", "../geheim 秘密/ключ.png", str(secret), "img/../../geheim 秘密/no.png")
    data = with_cells(world, *cells).load()
    assert paths(data) == [("a.png",), (), (), ()]
    one = finding(data)
    assert (one.count, one.policy, one.column) == (3, "mask", "photo")
    assert one.examples[0] == "p1: ../geheim 秘密/ключ.png"
    assert "files: {allow: [../geheim 秘密]}" in one.detail
    # Whether such a file exists is not told, and the rows are not counted twice.
    assert not data.report.found("missing_images")


def test_links_that_lead_out_are_not_read(world):
    picture(world.folder / "img" / "a.png")
    outside = world.folder.parent / "geheim 秘密"
    (world.folder / "link.png").symlink_to(outside / "ключ.png")
    (world.folder / "dir").symlink_to(outside)
    (world.folder / "inner.png").symlink_to("img/a.png")
    (world.folder / "loop.png").symlink_to("loop.png")
    data = with_cells(world, "link.png", "dir/ключ.png", "inner.png", "loop.png").load()
    assert paths(data) == [(), (), ("inner.png",), ()]
    assert finding(data).count == 2
    assert data.report.found("missing_images") == 1


def test_system_files_and_names_that_no_file_has(world):
    data = with_cells(world, "/etc/hostname", "/etc/passwd", "x" * 5000, "..", "a\0b", ".").load()
    assert paths(data) == [()] * 6
    assert finding(data).count == 3
    assert "allow: [/etc]" in finding(data).detail
    assert data.report.found("missing_images") == 3


def test_what_the_finding_says_allows_it(world):
    with_cells(world, "../geheim 秘密/ключ.png", "/etc/hostname")
    advice = finding(world.load(), "outside_files").detail
    assert "allow: [" in advice
    world.mapping["files"] = {"allow": ["../geheim 秘密"]}
    data = world.load()
    assert paths(data) == [("ключ.png",), ()]
    assert finding(data).count == 1
    world.mapping["files"] = {"allow": [str(world.folder.parent / "geheim 秘密"), "/etc"]}
    assert not world.load(verify_media=False).report.found("outside_files")


def test_shop_files_own_folders_are_trusted_and_cells_in_them_are_not(world):
    picture(world.folder.parent / "pictures" / "a.png")
    picture(world.folder.parent / "picture.png")
    world.features(
        photo={"kind": "image", "path": "../pictures/{photo}.png"},
        other={"kind": "image", "path": "/{other}"},
    )
    world.write("items.csv", "id,photo,other\np0,a,etc/hostname\np1,../geheim 秘密/ключ,x\n")
    world.write("events.csv", "user,item,when\nu,p0,2020-01-01\nu,p1,2020-01-01\n")
    data = world.load(policies={"missing_images": "mask"})
    assert paths(data) == [("a.png",), ()]
    told = {one.column: one for one in data.report.findings if one.check == "outside_files"}
    assert told["photo"].examples == ("p1: ../pictures/../geheim 秘密/ключ.png",)
    assert told["other"].count == 2


def test_linked_folder_of_a_template_is_the_shop_files_own(world):
    picture(world.folder.parent / "disk" / "a.png")
    (world.folder / "images").symlink_to(world.folder.parent / "disk")
    world.features(photo={"kind": "image", "path": "images/{id}.png"})
    world.write("items.csv", "id\na\n")
    world.write("events.csv", "user,item,when\nu,a,2020-01-01\n")
    assert paths(world.load()) == [("a.png",)]


def test_sound_and_clips_alike(world):
    outside = world.folder.parent
    (outside / "s.wav").write_bytes(wav(tone(440, 0.1)))
    write_gif(outside / "c.gif", np.zeros((2, 8, 8, 3), np.uint8))
    world.features(
        sound={"kind": "audio", "column": "s"},
        clip={"kind": "video", "column": "c"},
    )
    world.write("items.csv", "id,s,c\np0,../s.wav,../c.gif\n")
    world.write("events.csv", "user,item,when\nu,p0,2020-01-01\n")
    data = world.load()
    assert not data.items.features["sound"].present.any()
    assert not data.items.features["clip"].present.any()
    assert data.report.found("outside_files") == 2


def test_playlist_reads_no_other_file(world):
    """FFmpeg would follow the names in a file of the shop's own."""
    pytest.importorskip("av")
    outside = world.folder.parent / "part.ts"
    write_clip(outside, np.zeros((12, 32, 32, 3), np.uint8))
    lines = ("#EXTM3U", "#EXT-X-TARGETDURATION:1", "#EXTINF:1,", outside, "#EXT-X-ENDLIST")
    (world.folder / "list.m3u8").write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(VideoDecodeError, match=r"Invalid data.*list\.m3u8"):
        sample_frames(world.folder / "list.m3u8", 2)


def test_others_of_the_cell_are_read(world):
    picture(world.folder / "a.png")
    data = with_cells(world, "../geheim 秘密/ключ.png|a.png|none.png").load()
    assert paths(data) == [("a.png",)]
    assert finding(data, "absent_images").examples == ("p0: no file none.png",)
    assert finding(data).count == 1


@pytest.mark.parametrize("policy", ["drop", "raise"])
def test_policies(world, policy):
    picture(world.folder / "a.png")
    with_cells(world, "a.png", "../geheim 秘密/ключ.png")
    world.mapping["checks"] = {"outside_files": policy}
    if policy == "raise":
        with pytest.raises(CheckError, match=r"p1: \.\./geheim.*allow: \["):
            world.load()
        return
    data = world.load()
    assert data.items.ids.tolist() == ["p0"]


def test_report_shows_how_to_allow_it(world):
    from rich.console import Console

    out = io.StringIO()
    with_cells(world, "/etc/hostname").load().report.print(Console(file=out, width=80))
    assert "`files: {allow: [/etc]}` in the shop file" in out.getvalue()


def test_sibling_whose_name_begins_alike_is_outside(tmp_path):
    (tmp_path / "shop").mkdir()
    picture(tmp_path / "shop-old" / "a.png")
    folders = Folders(tmp_path / "shop")
    assert not folders.hold(tmp_path / "shop-old" / "a.png")
    assert folders.hold(tmp_path / "shop")
    assert folders.hold(tmp_path / "shop" / "x" / "y")
    assert Folders("/").hold("/etc/hostname")


def test_allowed_folders_round_trip_and_wrong_ones_are_told(tmp_path):
    events = {"table": "e.csv", "user": "u", "item": "i"}
    shop = Shop.from_dict({"events": events, "files": {"allow": ["../b", "/data"]}}, tmp_path)
    assert [str(one) for one in shop.allowed] == [str(tmp_path.parent / "b"), "/data"]
    assert Shop.from_dict(shop.to_dict()).allowed == shop.allowed
    with pytest.raises(ShopFileError, match="allow"):
        Shop.from_dict({"events": events, "files": {"allow": []}}, tmp_path)
    with pytest.raises(ShopFileError, match="alow"):
        Shop.from_dict({"events": events, "files": {"alow": ["x"]}}, tmp_path)
