// An item by itself: pictures, what the catalogue says of it, and what the models find like it.

import { get } from "./api.js";
import { h } from "./dom.js";
import { amount, picture, shelf, trouble } from "./shelf.js";
import { opinions } from "./opinions.js";
import { go, session } from "./state.js";
import { number, words } from "./words.js";

/** Fills the main part with an item's page. */
export async function showItem(main, models, id, allow, signal) {
  const say = words();
  let item;
  try {
    item = await get(models[0].name, "item", { id }, signal);
  } catch (error) {
    if (error.name !== "AbortError") main.replaceChildren(trouble(error, () => showItem(main, models, id, allow, signal)));
    return;
  }
  document.title = item.title;
  const before = session().filter((one) => one !== id);
  const shelves = [shelf(models, { kind: "similar", item: id, allow }, { needs: "similar", signal, title: say.similar })];
  if (before.length) {
    const title = h("span", {}, say.forYou);
    const question = { kind: "session", item: session(), allow };
    shelves.push(shelf(models, question, { needs: "session", signal, title, note: h("span", { className: "note" }, say.sessionOf(session().length)) }));
  }
  main.replaceChildren(about(models[0].name, item), ...opinions(item.opinions), ...shelves);
}

function about(model, item) {
  const say = words();
  const large = h("div", { className: "large" }, picture(model, item, 0, 1080));
  const others = item.pictures > 1 ? thumbnails(model, item, large) : null;
  const facets = item.facets.filter(([, values]) => values.length);
  const rows = [
    ...facets.map(([name, values]) => [name, values.map((value) => filterBy(name, value))]),
    ...item.numbers.slice(1).map(([name, value]) => [name, number(value)]),
    ...item.texts.filter(([, text]) => text !== item.title).map(([name, text]) => [name, text]),
    [say.id, item.id],
  ];
  return h(
    "article",
    { className: "item" },
    h("div", { className: "pictures" }, large, others),
    h(
      "div",
      { className: "about" },
      h("button", { type: "button", className: "quiet back", onclick: () => (history.length > 1 ? history.back() : go({ item: "" })) }, `← ${say.back}`),
      h("h1", {}, item.title),
      amount(item.number),
      item.known ? null : h("p", { className: "note" }, say.unknown),
      h("dl", {}, ...rows.flatMap(([name, told]) => [h("dt", {}, name), h("dd", {}, told)])),
    ),
  );
}

const filterBy = (name, value) => h("button", { type: "button", className: "chip", onclick: () => go({ item: "", text: "", allow: [`${name}=${value}`] }) }, value);

function thumbnails(model, item, large) {
  return h(
    "div",
    { className: "thumbnails" },
    ...Array.from({ length: Math.min(item.pictures, 12) }, (_, place) =>
      h("button", { type: "button", "aria-label": `${place + 1}`, onclick: () => large.replaceChildren(picture(model, item, place, 1080)) }, picture(model, item, place)),
    ),
  );
}
