"""What columns and tables are usually called, in several languages."""

from __future__ import annotations

import re
import unicodedata

_WORDS = {
    "item": "item product article sku asin movie film video track song artist book game app good "
    "goods producto articulo artikel artikelnummer artikelnr ugs produkt produit prodotto produto "
    "товар артикул handle "
    "商品 产品 物品 货号 货品 宝贝 电影 视频 歌曲 图书 商品番号 アイテム 상품",
    "user": "user customer client shopper member buyer visitor household kunde kundin kaufer "
    "kundennummer kundennr "
    "benutzer nutzer cliente utilisateur usuario acheteur comprador utente пользователь клиент "
    "покупатель 用户 顾客 客户 会员 买家 ユーザー 顧客 会員 고객 사용자 회원",
    "id": "id ids key code nr no number num uid guid uuid sku asin zip isbn ean upc handle ugs "
    "artikelnummer artikelnr kundennummer kundennr 编号 "
    "编码 号 代码 번호 番号 код номер numero",
    "time": "time date timestamp datetime created at when day dt dat datum zeit fecha hora data "
    "heure время дата 时间 日期 时刻 日時 日付 시간 날짜",
    "rating": "rating ratings score stars overall bewertung note 评分 打分 星级 оценка 評価 평점",
    "quantity": "quantity qty pieces menge anzahl quantite cantidad cds 数量 件数 количество 수량",
    "price": "price sales amount dollars preis prix precio prezzo preco цена 价格 金额 单价 価格 "
    "가격",
    "type": "type event action behaviour behavior verb aktion ereignis 类型 行为 动作 事件",
    "text": "title name description text overview review desc titel bezeichnung beschreibung "
    "titre nom titulo nombre descripcion название описание 标题 名称 描述 评论 简介 商品名 品名 "
    "説明 이름 설명",
    "title": "title name titel bezeichnung titre nom titulo nombre название 标题 名称 商品名 品名 "
    "이름",
    "picture": "image img picture photo thumbnail thumb bild foto imagen immagine фото изображение "
    "图片 图像 照片 主图 画像 写真 사진 이미지",
    "part": "label split part fold subset 划分",
    "taste": "click clicked buy bought purchase purchased like liked long 点击 购买",
    "event": "event events transaction transactions order orders rating ratings click clicks log "
    "interaction interactions purchase purchases 行为 事件 订单 交易 购买记录 bestellungen",
}
_BY_ROLE = {
    role: {unicodedata.normalize("NFKC", word) for word in words.split()}
    for role, words in _WORDS.items()
}
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+")
#: What an event of a kind weighs, beside a look at a product.
WEIGHTS = {
    4: "buy bought purchase purchased order ordered pay sale checkout 购买 下单 支付 成交 kauf",
    2: "cart basket addtocart add_to_cart fav favorite wishlist like share 加购 购物车 收藏 "
    "warenkorb",
}


def parts_of(name: str) -> list[str]:
    """The words of a name, in small letters without accents: "user", "id" of "userID"."""
    plain = unicodedata.normalize("NFKD", name)
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return [part.lower() for part in _PART.findall(unicodedata.normalize("NFC", plain))]


def says(name: str, role: str) -> bool:
    """Whether a name has a word of a role.

    ```python
    from tfmm.data.guess.words import says

    says("userID", "user"), says("商品编号", "item")
    ```
    """
    words = _BY_ROLE[role]
    for part in parts_of(name):
        if part in words or part.removesuffix("s") in words:
            return True
        # Scripts without spaces write words together.
        if not part.isascii() and any(word in part for word in words if not word.isascii()):
            return True
    return False


def weight_of(kind: str) -> int:
    """What an event of this kind may weigh: 1, 2 or 4."""
    plain = kind.casefold()
    for weight, words in WEIGHTS.items():
        if any(word in plain for word in words.split()):
            return weight
    return 1
