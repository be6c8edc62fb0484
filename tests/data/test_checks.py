import numpy as np
import pytest
from PIL import Image

from tests.media import tone, wav, write_gif
from tfmm.data import CheckError
from tfmm.data.checks import CHECKS, CheckReport

HEADER = "id,title,colour,price,tags\n"


def broken(shop, check):
    """Writes into the shop exactly one occurrence of what `check` looks for."""
    items = ["001,Red hat,red,9.5,a|b", "002,Blue coat,blue,50,b"]
    events = ["u1,001,2020-01-01", "u2,002,2020-01-02", "u1,002,2020-01-03"]
    faults = {
        "bad_rows": lambda: items.append("003,too,few"),
        "bad_ids": lambda: items.append(",No id,red,1,a"),
        "duplicate_items": lambda: items.append("001,Again,red,1,a"),
        "duplicate_events": lambda: events.append(events[0]),
        "unknown_items": lambda: events.append("u1,404,2020-01-01"),
        "unknown_users": lambda: events.append("u9,001,2020-01-01"),
        "bad_times": lambda: events.append("u2,001,yesterday"),
        "empty_text": lambda: items.append("003,,red,1,a"),
        "missing_category": lambda: items.append("003,x,,1,a"),
        "nan_numbers": lambda: items.append("003,x,red,,a"),
        "mixed_currencies": lambda: items.append("003,x,red,$3,a"),
        "infinite_numbers": lambda: items.append("003,x,red,inf,a"),
        "bad_vectors": lambda: items.append("003,x,red,1,a"),
        "missing_images": lambda: items.append("003,x,red,1,a"),
        "corrupt_images": lambda: items.append("003,x,red,1,a"),
        "missing_audio": lambda: items.append("003,x,red,1,a"),
        "corrupt_audio": lambda: items.append("003,x,red,1,a"),
        "missing_videos": lambda: items.append("003,x,red,1,a"),
        "corrupt_videos": lambda: items.append("003,x,red,1,a"),
    }
    if check in faults:
        faults[check]()
    if check == "mixed_currencies":
        items[:2] = ["001,Red hat,red,9.5 €,a|b", "002,Blue coat,blue,50 €,b"]
    if check == "unclear_numbers":
        items[:2] = ["001,Red hat,red,9,a|b", "002,Blue coat,blue,1.250,b"]
    shop.write("items.csv", HEADER + "\n".join(items) + "\n")
    shop.write("events.csv", "user,item,when\n" + "\n".join(events) + "\n")
    if check == "bad_ratings":
        shop.write("events.csv", "user,item,when\nu1,001,5\nu2,002,\n")
        shop.mapping["events"]["rating"] = shop.mapping["events"].pop("time")
    if check in ("unknown_users", "duplicate_users"):
        again = "u1\n" if check == "duplicate_users" else ""
        shop.write("users.csv", f"id\nu1\nu2\n{again}")
        shop.mapping["users"] = {"table": "users.csv", "id": "id"}
    if check == "bad_vectors":
        shop.write("items.csv", HEADER.strip() + ",v\n001,a,b,1,c,2\n002,a,b,1,c,nan\n")
        shop.features(vector={"kind": "vector", "columns": ["price", "v"]})
    parents = {
        "orphan_variants": "id,parent\n001,\n002,001\n003,404\n",
        "chained_variants": "id,parent\n001,\n002,001\n003,002\n",
    }
    if check in parents:
        shop.features()
        shop.write("items.csv", parents[check])
        shop.mapping["items"]["parent"] = "parent"
    triples = {
        "empty_triples": "001,is,\n",
        "duplicate_triples": "001,is,red\n001,is,red\n",
        "looped_triples": "001,like,001\n",
        "unknown_heads": "404,is,red\n",
        "unknown_links": "001,is,red\n",
    }
    if check in triples:
        shop.write("triples.csv", "sku,relation,value\n" + triples[check])
        columns = {"head": "sku", "relation": "relation", "tail": "value"}
        shop.mapping["knowledge"] = {"table": "triples.csv", **columns}
        if check == "unknown_links":
            shop.write("links.csv", "item,entity\n001,001\n404,x\n")
            link = {"table": "links.csv", "item": "item", "entity": "entity"}
            shop.mapping["knowledge"]["link"] = link
    said = {
        "missing_texts": "r1,good,001\nr2,,001\n",
        "duplicate_texts": "r1,good,001\nr2,good,001\n",
        "duplicate_reviews": "r1,good,001\nr1,bad,001\n",
        "reviews_of_unknown": "r1,good,404\n",
        "unknown_reviews": "r1,good,001\n",
        "bad_aspects": "r1,good,001\n",
    }
    if check in said:
        shop.write("reviews.csv", "nr,text,item\n" + said[check])
        reviews = {"table": "reviews.csv", "id": "nr", "text": "text", "item": "item"}
        shop.mapping["reviews"] = reviews
        if check == "duplicate_texts":
            del reviews["id"]
        aspects = {"unknown_reviews": "r9,size,good,,", "bad_aspects": "r1,size,good,3,99"}
        if check in aspects:
            columns = "review,aspect,polarity,start,end\n"
            shop.write("aspects.csv", columns + aspects[check] + "\n")
            reviews["aspects"] = {"table": "aspects.csv", "start": "start", "end": "end"}
    if check == "bad_slots":
        shop.write("queries.csv", 'text,slots\nred hat,"[[""colour"", 0, 99]]"\nhello,\n')
        shop.mapping["queries"] = {"table": "queries.csv", "text": "text", "slots": "slots"}
    kinds = {"absent_images": "image", "absent_audio": "audio", "absent_videos": "video"}
    if check in kinds:
        shop.features(file={"kind": kinds[check], "column": "tags"})
        shop.write("items.csv", "id,tags\n001,a.gif|b.gif\n002,a.gif\n")
        files = {
            "image": lambda path: Image.new("RGB", (4, 4)).save(path, "PNG"),
            "audio": lambda path: path.write_bytes(wav(tone(440, 0.1))),
            "video": lambda path: write_gif(path, np.zeros((3, 8, 8, 3), np.uint8)),
        }
        files[kinds[check]](shop.folder / "a.gif")
    elsewhere = {"outside_files": "/etc/hostname", "unfetched_files": "//cdn.invalid/盘 1.png"}
    if check in elsewhere:
        shop.features(photo={"kind": "image", "column": "tags"})
        shop.write("items.csv", f"id,tags\n001,a.png\n002,{elsewhere[check]}\n")
        Image.new("RGB", (4, 4)).save(shop.folder / "a.png")
    if check in ("missing_images", "corrupt_images"):
        shop.features(photo={"kind": "image", "path": "{id}.png"})
        for name in ("001", "002"):
            Image.new("RGB", (4, 4)).save(shop.folder / f"{name}.png")
        if check == "corrupt_images":
            whole = (shop.folder / "001.png").read_bytes()
            (shop.folder / "003.png").write_bytes(whole[:-30])
    if check in ("missing_audio", "corrupt_audio"):
        shop.features(song={"kind": "audio", "path": "{id}.wav"})
        whole = wav(tone(440, 0.1))
        for name in ("001", "002"):
            (shop.folder / f"{name}.wav").write_bytes(whole)
        if check == "corrupt_audio":
            (shop.folder / "003.wav").write_bytes(whole[:-30])
    if check in ("missing_videos", "corrupt_videos"):
        shop.features(clip={"kind": "video", "path": "{id}.gif"})
        frames = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
        for name in ("001", "002"):
            whole = write_gif(shop.folder / f"{name}.gif", frames).read_bytes()
        if check == "corrupt_videos":
            (shop.folder / "003.gif").write_bytes(whole[:-30])


@pytest.mark.parametrize("check", CHECKS)
def test_each_check_finds_its_fault_and_no_other(shop, check):
    broken(shop, check)
    report = shop.load().report
    (finding,) = report.findings
    assert (finding.check, finding.count) == (check, 1)
    assert finding.policy == CHECKS[check].default
    assert len(finding.examples) == 1


@pytest.mark.parametrize("check", CHECKS)
def test_each_check_raises_when_told_to(shop, check):
    broken(shop, check)
    shop.mapping["checks"] = {check: "raise"}
    tables = "items|users|events|knowledge|link|reviews|aspects|queries"
    with pytest.raises(CheckError, match=rf"{check} in ({tables}).*: 1 .*for example"):
        shop.load()


@pytest.mark.parametrize("check", [name for name, c in CHECKS.items() if "mask" in c.policies])
def test_masking_keeps_the_item_and_dropping_leaves_it_out(shop, check):
    broken(shop, check)
    masked = shop.load()
    (name,) = [name for name, column in masked.items.features.items() if not column.present[-1]]
    assert masked.report.findings[0].column == name
    dropped = shop.load(policies={check: "drop"})
    assert dropped.items.ids.tolist() == masked.items.ids.tolist()[:-1]
    assert all(column.present.all() for column in dropped.items.features.values())


def test_first_of_duplicate_items_stays(shop):
    broken(shop, "duplicate_items")
    data = shop.load()
    assert data.items.ids.tolist() == ["001", "002"]
    assert data.items.features["title"].values.tolist() == ["Red hat", "Blue coat"]


def test_repeated_events_stay_unless_dropped(shop):
    broken(shop, "duplicate_events")
    assert len(shop.load().events) == 4
    assert len(shop.load(policies={"duplicate_events": "drop"}).events) == 3


def test_same_pair_at_another_time_is_no_duplicate(shop):
    shop.write("events.csv", "user,item,when\nu1,001,2020-01-01\nu1,001,2020-01-02\n")
    assert shop.load().report.found("duplicate_events") == 0


def test_ids_that_cannot_be_lines_of_a_vocabulary_are_dropped(shop):
    ids = ["001", "", "nan", '"a\nb"', '"a\rb"', "a\0b"]
    shop.write("items.csv", HEADER + "".join(f"{i},t,c,1,g\n" for i in ids))
    shop.write("events.csv", "user,item,when\n" + "".join(f"{i},001,2020-01-01\n" for i in ids))
    data = shop.load()
    assert data.items.ids.tolist() == ["001"]
    assert data.users.ids.tolist() == ["001"]
    assert [finding.count for finding in data.report.findings] == [5, 5]


def test_ids_keep_case_and_lose_the_spaces_around_them(shop):
    shop.write("events.csv", "user,item,when\n u1,001,2020-01-01\nU1,001,2020-01-01\n")
    assert shop.load().users.ids.tolist() == ["u1", "U1"]


def test_item_with_one_good_image_keeps_it(shop):
    broken(shop, "corrupt_images")
    shop.features(photo={"kind": "image", "paths": ["{id}.png", "001.png?{id}"]})
    Image.new("RGB", (4, 4)).save(shop.folder / "001.png?003", "PNG")
    data = shop.load(policies={"corrupt_images": "drop"})
    assert [path.name for path in data.items.features["photo"].paths[2]] == ["001.png?003"]
    assert data.report.findings[0].detail == "0 rows are left without an image"


def test_findings_of_sound_say_what_came_and_what_is_left(shop):
    broken(shop, "corrupt_audio")
    (finding,) = shop.load().report.findings
    assert str(finding) == (
        "corrupt_audio in items, song: 1 audio files that do not decode to their end (for example "
        "003.wav: it is cut short: 3,200 bytes of sound expected, 3,170 there); 1 rows "
        "are left without an audio file"
    )
    broken(shop, "missing_audio")
    (shop.folder / "003.wav").unlink()
    (finding,) = shop.load().report.findings
    assert str(finding) == (
        "missing_audio in items, song: 1 rows with no audio file (for example 003: no file 003.wav)"
    )


def test_findings_of_video_say_what_came_and_what_is_left(shop):
    broken(shop, "corrupt_videos")
    (finding,) = shop.load().report.findings
    assert str(finding).startswith(
        "corrupt_videos in items, clip: 1 video files that do not decode to their end (for example "
        "003.gif: image file is truncated"
    )
    assert finding.detail == "1 rows are left without a video"
    broken(shop, "missing_videos")
    (shop.folder / "003.gif").unlink()
    (finding,) = shop.load().report.findings
    assert str(finding) == (
        "missing_videos in items, clip: 1 rows with no video file (for example 003: no file "
        "003.gif)"
    )


def test_images_are_only_looked_for_without_verification(shop):
    broken(shop, "corrupt_images")
    data = shop.load(verify_media=False)
    assert data.report.findings == []
    assert data.items.features["photo"].present.all()


def test_argument_overrides_the_shop_file(shop):
    broken(shop, "unknown_items")
    shop.mapping["checks"] = {"unknown_items": "raise"}
    assert len(shop.load(policies={"unknown_items": "drop"}).events) == 3


def test_policy_that_a_check_does_not_take_is_explained(shop):
    with pytest.raises(
        ValueError, match=r"policies: check 'bad_ids' cannot be set to 'mask'.*drop"
    ):
        shop.load(policies={"bad_ids": "mask"})
    with pytest.raises(ValueError, match=r"unknown check 'bad_id'; did you mean 'bad_ids'\?"):
        shop.load(policies={"bad_id": "drop"})


def test_examples_are_at_most_five():
    report = CheckReport()
    report.record("bad_ids", "items", 9, [str(i) for i in range(9)])
    assert report.findings[0].examples == ("0", "1", "2")
