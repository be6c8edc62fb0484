// What shoppers say of an item: each aspect with who is for and against, and the words that say it best.

import { h } from "./dom.js";
import { number, words } from "./words.js";

/** The section of an item's pros and cons; nothing where nobody said anything. */
export function opinions(said) {
  if (!said || !(said.aspects.length || said.whole)) return [];
  const say = words();
  const whole = said.whole && h("p", { className: "note" }, say.likedBy(said.whole.pros, said.whole.pros + said.whole.cons));
  return [h("section", { className: "opinions" }, h("h2", {}, say.said), whole, h("div", { className: "aspects" }, ...said.aspects.map(aspect)))];
}

function aspect(one) {
  const say = words();
  const share = Math.round((100 * one.pros) / (one.pros + one.cons));
  const bar = h("div", { className: "share", role: "img", "aria-label": say.forAndAgainst(one.pros, one.cons) }, h("span", {}));
  bar.firstChild.style.width = `${share}%`;
  return h(
    "div",
    { className: "aspect" },
    h("h3", {}, one.aspect),
    bar,
    h("p", { className: "note" }, say.forAndAgainst(one.pros, one.cons)),
    ...quotes(one.praise, "praise"),
    ...quotes(one.blame, "blame"),
  );
}

const quotes = (sentences, side) => sentences.slice(0, 2).map((text) => h("blockquote", { className: side }, text));
