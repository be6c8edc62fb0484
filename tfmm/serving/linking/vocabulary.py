"""Words that linking knows beside the catalogue's own, in English and Chinese."""

from __future__ import annotations

#: Words for the same value. A catalogue that has one of a row is found by all of them.
SAME: tuple[tuple[str, ...], ...] = (
    ("black", "黑色", "黑"),
    ("white", "白色", "白"),
    ("grey", "gray", "灰色", "灰"),
    ("red", "红色", "红"),
    ("blue", "蓝色", "蓝"),
    ("green", "绿色", "绿"),
    ("yellow", "黄色", "黄"),
    ("orange", "橙色", "橘色", "橙"),
    ("pink", "粉色", "粉红色", "粉红", "粉"),
    ("purple", "violet", "紫色", "紫"),
    ("brown", "棕色", "褐色", "咖啡色", "棕"),
    ("beige", "米色", "杏色"),
    ("navy", "navy blue", "dark blue", "藏青色", "藏青", "深蓝色", "海军蓝"),
    ("light blue", "浅蓝色", "天蓝色"),
    ("gold", "golden", "金色"),
    ("silver", "银色"),
    ("khaki", "卡其色", "卡其"),
    ("burgundy", "wine red", "酒红色", "酒红"),
    ("multi", "multicolour", "multicolor", "multicoloured", "multicolored", "彩色", "多色"),
    ("xs", "extra small", "x-small", "加小码", "特小号", "特小码"),
    ("s", "small", "小号", "小码"),
    ("m", "medium", "中号", "中码"),
    ("l", "large", "大号", "大码"),
    ("xl", "extra large", "x-large", "加大号", "加大码", "特大号", "特大码"),
    ("xxl", "2xl", "double extra large", "xx-large", "加加大号"),
    ("men", "man", "male", "gentlemen", "男士", "男装", "男款", "男"),
    ("women", "woman", "female", "ladies", "lady", "女士", "女装", "女款", "女"),
    ("kids", "kid", "children", "child", "儿童", "童装", "小孩"),
)
#: Shades that stand for a plainer colour where the catalogue lacks them.
SHADES = {
    "navy": "blue",
    "light blue": "blue",
    "crimson": "red",
    "scarlet": "red",
    "burgundy": "red",
    "maroon": "red",
    "charcoal": "grey",
    "ivory": "white",
    "cream": "white",
    "olive": "green",
    "lime": "green",
    "turquoise": "blue",
    "teal": "green",
    "lilac": "purple",
    "lavender": "purple",
    "tan": "brown",
    "golden": "gold",
}
#: Before a value, these take it back; "but" and a stop end their reach.
NEGATORS = (
    "not no nor without except excluding avoid non isn't aren't don't doesn't never neither hate "
    "dislike isn’t aren’t don’t doesn’t"
).split()
NEGATORS_UNSPACED = "不要 不想要 不喜欢 不是 别要 除了 除 (?<!有)没有 非 不含 不带 讨厌".split()
#: Between a negator and the value that it takes back.
CARRIED = (
    "a an the any in of or and too so very that those these anything something want like need is "
    "are it really such be wearing with one colour color size brand made from"
).split()
#: Between values of which one negator takes back all.
JOINING = frozenset("and or nor neither".split())
#: "anything but red".
BUT = frozenset(["anything", "everything", "all", "any"])
#: Frequent words that are no slips of the pen for a value that looks like them.
FREQUENT = frozenset(
    """
    about above actually after again all also although always amazing another any anybody anyone
    anything are around available away back because been before being below best better between
    both bring brings buy cannot care cart cheap cheaper check clean clear close cold colour color
    come comes cool could date dear deal different does done down dress each either else enough
    even ever every everything exactly expensive fair feel find fine first from full fun gave get
    gift give given gives going gone good great hand happy hard has have having hear heard hello
    help her here high him his hold home hope how idea into item just keep kind know large last
    later least less let light like likes liked line list little long look looking looks lot love
    lower made make makes many match matches maybe mean might mind mine more most much must near
    need needed needs never new next nice none note nothing now off often okay old once one ones
    only open other our out over own pair part people perfect perhaps piece place please pretty
    price prices quick quite rather read ready real really recommend right same save say see seem
    seen send sent several shall she shop short shorter should show shown side similar since size
    sizes small some someone something soon sort sound still store style such suit sure take tell
    than thank thanks that the their them then there these they thing things think this those
    three through time today together too took tried try trying under until use used using usual
    very want wanted wants warm was way wear wearing week well were what when where whether which
    while who whole why will wish with within without wonder word work worn would year years yes
    yet you your skirt shirt short boot coat boat sock shoe dress jean belt watch glass jacket pant
    """.split()
)
