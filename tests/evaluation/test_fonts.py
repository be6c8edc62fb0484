"""Texts of plots are drawn in fonts that have their characters, or plainly where there is none."""

import warnings

import pytest
from matplotlib import font_manager

from tfmm.commands.doctor import fonts_finding
from tfmm.evaluation.plots import fonts
from tfmm.evaluation.plots.classes import confusion
from tfmm.evaluation.plots.figure import new_figure
from tfmm.evaluation.plots.retrieval import looked_at

TITLE = "红色连衣裙 👩\u200d🦰 robe d'été"


def _forget():
    for remembered in (fonts.fitted, fonts.font_of, fonts._tell, fonts._look_again):
        remembered.cache_clear()


@pytest.fixture
def bare(monkeypatch):
    """A machine with the font that matplotlib brings along, and no other."""
    faces = [face for face in font_manager.fontManager.ttflist if face.name == fonts.BASE]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", faces)
    monkeypatch.setattr(font_manager, "findSystemFonts", list)
    _forget()
    yield
    _forget()


@pytest.fixture
def wide(monkeypatch, bare):
    """As `bare`, with two fonts that have Chinese and Japanese characters."""
    kinds = {"Noto Sans CJK SC": "红骨", "Noto Sans CJK JP": "骨カ"}
    faces = [
        font_manager.FontEntry(fname=f"/fonts/{name}.otf", name=name) for name in sorted(kinds)
    ]
    monkeypatch.setattr(
        font_manager.fontManager, "ttflist", [*font_manager.fontManager.ttflist, *faces]
    )
    real = fonts._characters

    def characters(file, index):
        name = file.removeprefix("/fonts/").removesuffix(".otf")
        return frozenset(map(ord, kinds[name])) if name in kinds else real(file, index)

    monkeypatch.setattr(fonts, "_characters", characters)


def test_letters_of_matplotlibs_font_need_no_other(bare):
    assert fonts.fitted("Été Ωμέγα платье فستان") == ("Été Ωμέγα платье فستان", (fonts.BASE,))


def test_characters_without_a_font_become_one_plain_sign_a_run(bare):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        drawn, families = fonts.fitted(TITLE)
    assert drawn == "□ □ robe d'été"
    assert families == (fonts.BASE,)
    assert sum("fonts-noto-cjk" in str(warning.message) for warning in said) == 1
    assert any("fonts-symbola" in str(warning.message) for warning in said)


def test_a_package_is_named_once(bare):
    with pytest.warns(UserWarning, match="fonts-noto-cjk"):
        fonts.fitted("红")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fonts.fitted("裙子")[0] == "□"


def test_each_language_gets_its_own_form_of_a_shared_character(wide):
    assert fonts.fitted("红骨")[1] == (fonts.BASE, "Noto Sans CJK SC")
    assert fonts.fitted("骨カ")[1] == (fonts.BASE, "Noto Sans CJK JP")


def test_fonts_installed_since_matplotlib_made_its_list_are_found(bare, monkeypatch):
    path = font_manager.findfont(fonts.BASE)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [path, "/no/such.ttf"])
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [])
    assert fonts.font_of("a") == fonts.BASE


def test_plots_of_any_title_are_drawn_without_a_warning_of_glyphs(bare, tmp_path):
    rows = [
        {"item": "甲", "title": title, "weights": {"图片": 0.5, "title": 0.5}}
        for title in (TITLE, "$a_b$ costs $\\frac", "नीली\x07", "", "很长" * 60)
    ]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        looked_at({"warm": rows, "cold": rows[:1]}, {}, tmp_path / "looked_at.png")
        confusion([[3, 1], [0, 4]], ["连衣裙", "$x^"], tmp_path / "confusion.png")
    told = [str(warning.message) for warning in said]
    assert not [text for text in told if "Glyph" in text]
    assert len(told) == len(set(told)) == 3  # a package each, once


def test_labels_of_an_axis_are_replaced_where_it_writes_them_anew(bare):
    figure, (ax,) = new_figure(2)
    ax.barh(["连衣裙", "dress"], [1, 2])
    with pytest.warns(UserWarning, match="fonts-noto-cjk"):
        fonts.fit_fonts(figure)
    figure.draw_without_rendering()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["□", "dress"]


def test_lines_count_wide_characters_twice_and_say_what_they_left_out():
    assert fonts.wrapped("a red dress for summer", 12, 3) == ["a red dress", "for summer"]
    assert fonts.wrapped("红色连衣裙夏季新款", 8, 3) == ["红色连衣", "裙夏季新", "款"]
    assert fonts.wrapped("红色连衣裙夏季新款", 8, 2) == ["红色连衣", "裙夏季 …"]
    assert fonts.wrapped("  ", 8, 2) == []


def test_doctor_tells_whether_plots_have_chinese(bare):
    found = fonts_finding()
    assert found.state == "note"
    assert "fonts-noto-cjk" in found.fix
