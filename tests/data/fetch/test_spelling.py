"""Which cells are addresses, and how they are asked for."""

import pytest

from tfmm.data.fetch.private import is_public
from tfmm.data.fetch.spelling import is_address, tidy_address, whole_names, why_unasked


@pytest.mark.parametrize(
    "name",
    ["https://a.example/b.jpg", "HTTP://a/b", "//cdn.example/盘 1.jpg", "s3://b/k", "data:,x"],
)
def test_addresses(name):
    assert is_address(name)


@pytest.mark.parametrize(
    "name", ["images/a.jpg", "C://a.jpg", "//home/a.jpg", "data: 5.jpg", "a:b.jpg", "盘子.jpg", ""]
)
def test_names_of_files(name):
    assert not is_address(name)


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("//cdn.example/a.jpg", "https://cdn.example/a.jpg"),
        ("HTTPS://cdn.example/a b.jpg#x", "https://cdn.example/a%20b.jpg"),
        ("https://c.example/%E7%9B%98.jpg?s=a%2Fb+c", "https://c.example/%E7%9B%98.jpg?s=a%2Fb+c"),
        ("https://c.example/盘.jpg", "https://c.example/%E7%9B%98.jpg"),
        ("https://c.example/50% off.jpg", "https://c.example/50%25%20off.jpg"),
        ("https://c.example/a.jpg?w=1&amp;h=2", "https://c.example/a.jpg?w=1&h=2"),
        ("https://c.example?id=é", "https://c.example?id=%C3%A9"),
    ],
)
def test_tidy(name, asked):
    assert tidy_address(name) == asked
    assert tidy_address(asked) == asked


@pytest.mark.parametrize("name", ["data:,x", "s3://b/k", "file:///etc/passwd", "ftp://a/b"])
def test_other_schemes_are_not_asked(name):
    assert why_unasked(tidy_address(name))


A, B = "https://a.example/w_1,h_2/1.jpg", "//b.example/2.jpg"


@pytest.mark.parametrize(
    ("cell", "separator", "names"),
    [
        (f"{A},{B}", ",", [A, B]),
        (f"{A}, {B},", ", ", [A, B]),
        (f"{A}|{B}", "|", [A, B]),
        (f"{A}, {B}", "|", [A, B]),
        (f"{A} {B}", "|", [A, B]),
        (f"{A}|x.jpg", "|", [A, "x.jpg"]),
        (f"x.jpg,{A},", ",", ["x.jpg", A]),
        ("https://web.example/get?u=https://a.example/1.jpg", "|", None),
        ("https://web.example/2020/https://a.example/1.jpg", ",", None),
        ("data:image/png;base64,aa//b", ",", None),
        (" a.jpg ,, b.jpg", ",", ["a.jpg", "b.jpg"]),
    ],
)
def test_several_in_a_cell(cell, separator, names):
    assert whole_names(cell.split(separator), separator) == (names or [cell])


@pytest.mark.parametrize(
    "number",
    [
        *("10.0.0.1", "172.16.3.4", "192.168.1.1", "127.0.0.1", "169.254.169.254", "0.0.0.0"),
        *("100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fc00::1", "fe80::1%eth0"),
        *("::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "ff02::1", "fec0::1"),
    ],
)
def test_private_numbers(number):
    assert not is_public(number)


@pytest.mark.parametrize("number", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_numbers(number):
    assert is_public(number)
