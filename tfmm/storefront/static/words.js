// What the page says, in English and Chinese.

const WORDS = {
  en: {
    search: "Search", placeholder: "Search", dropHint: "Search by words, or drop a picture", noWords: "These models do not search by words",
    picture: "Search by a picture", record: "Search by a recording", sound: "Search by a sound file",
    recording: "Listening. Press again to search.", removePicture: "Remove the picture", removeSound: "Remove the recording",
    drop: "Drop the picture to search by it", aPicture: "a picture", aRecording: "a recording",
    models: "Models", version: (v) => `version ${v}`, nItems: (n) => `${number(n)} items`,
    shopper: "Shopper", nobody: "A new visitor", findShopper: "Find a shopper by id", noShopper: "No such shopper",
    filters: "Filters", clear: "Clear all", more: (n) => `${n} more`, fewer: "Fewer", without: (t) => `Remove the filter ${t}`,
    forShopper: (s) => `For ${s}`, past: "Has looked at", newVisitor: "For a new visitor", forYou: "For you",
    sessionOf: (n) => n === 1 ? "After the item you looked at" : `After the ${n} items you looked at`,
    forget: "Start anew", looked: "You looked at", browse: "Everything", showMore: "Show more",
    results: (q) => `Results for ${q}`, quoted: (q) => `“${q}”`, and: " and ", heard: (w) => `Heard: “${w}”`,
    keywords: "by keywords", seconds: (s) => `${(s * 1000).toFixed(0)} ms`,
    found: (n) => n === 1 ? "1 item" : `${number(n)} items`, nothing: "Nothing found.",
    nothingFilters: "Nothing found with these filters.",
    similar: "Similar items", shared: (v) => `Both: ${v}`, near: (t) => `Close to ${t}`, because: (t) => `Because you looked at ${t}`,
    inAll: "found by all", unknown: "The catalogue does not know this item.",
    back: "Back", id: "Item", home: "To the start page",
    said: "What shoppers say", likedBy: (n, all) => `${number(n)} of ${number(all)} reviews like it`,
    forAndAgainst: (pros, cons) => `${number(pros)} for, ${number(cons)} against`,
    cannot: { text: "This model does not search by words.", image: "This model does not search by pictures.",
      mixed: "This model does not search by words and a picture together.", audio: "This model does not search by sound.",
      shopper: "This model knows no shoppers.", session: "This model does not follow a session.", similar: "This model has no similar items." },
    errors: { server_down: "The model's server does not answer.", cannot: "This model cannot answer that.",
      wrong_question: "That could not be asked.", model: "The model's server refused or failed.",
      storefront: "The storefront failed.", away: "The storefront itself does not answer. Is tfmm shop still running?" },
    retry: "Try again", details: "Details", microphone: "The microphone cannot be used", notSound: "This file does not decode as sound.",
    chat: "Ask the assistant", chatTitle: "Assistant", chatClose: "Close the assistant", chatHint: "What are you looking for?", chatSend: "Send",
    chatHello: "Hello! Say what you are looking for, show me a picture, or ask about a product: “red dresses under 60”, “cheaper”, “compare the first two”.",
    chatAnew: "Start over", chatYou: "You", chatThinking: "…",
    other: "中文", score: (s) => `score ${s}`,
  },
  zh: {
    search: "搜索", placeholder: "搜索商品", dropHint: "输入文字搜索，或拖入图片", noWords: "这些模型不支持文字搜索",
    picture: "以图搜索", record: "录音搜索", sound: "用声音文件搜索",
    recording: "正在听，再按一次开始搜索。", removePicture: "移除图片", removeSound: "移除录音",
    drop: "松开即可以图搜索", aPicture: "图片", aRecording: "录音",
    models: "模型", version: (v) => `版本 ${v}`, nItems: (n) => `${number(n)} 件商品`,
    shopper: "顾客", nobody: "新访客", findShopper: "按编号查找顾客", noShopper: "没有这位顾客",
    filters: "筛选", clear: "全部清除", more: (n) => `还有 ${n} 项`, fewer: "收起", without: (t) => `移除筛选 ${t}`,
    forShopper: (s) => `为 ${s} 推荐`, past: "看过", newVisitor: "为新访客推荐", forYou: "为您推荐",
    sessionOf: (n) => `根据您看过的 ${n} 件商品`,
    forget: "重新开始", looked: "您看过", browse: "全部商品", showMore: "显示更多",
    results: (q) => `${q} 的搜索结果`, quoted: (q) => `“${q}”`, and: "和", heard: (w) => `听到：“${w}”`,
    keywords: "关键词", seconds: (s) => `${(s * 1000).toFixed(0)} 毫秒`,
    found: (n) => `${number(n)} 件商品`, nothing: "没有找到商品。",
    nothingFilters: "在这些筛选条件下没有找到商品。",
    similar: "相似商品", shared: (v) => `相同：${v}`, near: (t) => `接近 ${t}`, because: (t) => `因为您看过 ${t}`,
    inAll: "各模型都找到", unknown: "商品目录中没有这件商品。",
    back: "返回", id: "商品", home: "回到首页",
    said: "顾客怎么说", likedBy: (n, all) => `${number(all)} 条评价中有 ${number(n)} 条满意`,
    forAndAgainst: (pros, cons) => `${number(pros)} 条称赞，${number(cons)} 条不满`,
    cannot: { text: "此模型不支持文字搜索。", image: "此模型不支持以图搜索。", mixed: "此模型不支持图文混合搜索。",
      audio: "此模型不支持声音搜索。", shopper: "此模型不认识顾客。", session: "此模型不支持会话推荐。", similar: "此模型没有相似商品。" },
    errors: { server_down: "模型服务器没有回应。", cannot: "此模型无法回答。", wrong_question: "无法这样提问。",
      model: "模型服务器拒绝请求或出错。", storefront: "店面程序出错。", away: "店面程序没有回应，tfmm shop 还在运行吗？" },
    retry: "重试", details: "详情", microphone: "无法使用麦克风", notSound: "此文件无法作为声音解码。",
    chat: "询问助手", chatTitle: "助手", chatClose: "关闭助手", chatHint: "想找什么？", chatSend: "发送",
    chatHello: "你好！可以说想找什么，发图片，或者问某件商品：“60元以下的红色连衣裙”、“便宜一点”、“比较前两个”。",
    chatAnew: "重新开始", chatYou: "您", chatThinking: "…",
    other: "English", score: (s) => `得分 ${s}`,
  },
};

const KEPT = "tfmm.language";
let language = localStorage.getItem(KEPT) ?? (navigator.language.startsWith("zh") ? "zh" : "en");
if (!(language in WORDS)) language = "en";

/** The words of the chosen language. */
export const words = () => WORDS[language];

/** A number as the language writes it. */
export const number = (value, options = {}) => new Intl.NumberFormat(language, options).format(value);

/** Tells the document its language; screen readers and fonts go by it. */
export function applyLanguage() {
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
}

/** Turns to the other language and keeps it. */
export function turnLanguage() {
  language = language === "zh" ? "en" : "zh";
  localStorage.setItem(KEPT, language);
  applyLanguage();
}
