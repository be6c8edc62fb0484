// Rows of items: a card each, and a model's answer beside the other models'.

import { ask, pictureAddress } from "./api.js";
import { h } from "./dom.js";
import { address, go } from "./state.js";
import { number, words } from "./words.js";

/** An item as a link to its page; `reason` is a line below its name. */
export function card(model, item, reason = "") {
  return h(
    "a",
    { className: "card", href: address({ item: item.id }), onclick: (event) => follow(event, item.id), "data-item": item.id },
    picture(model, item),
    h("span", { className: "name" }, item.title),
    amount(item.number),
    reason && h("span", { className: "reason" }, reason),
  );
}

/** A link's click goes without loading the page anew, unless a key asks for another tab. */
function follow(event, item) {
  if (event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  go({ item });
}

/** An item's picture in a square; its first letter where there is none or it does not load. */
export function picture(model, item, place = 0, side = 360) {
  const blank = () => h("span", { className: "frame blank", "aria-hidden": "true" }, [...item.title][0] ?? "");
  if (!item.pictures) return blank();
  const frame = h("span", { className: "frame" });
  const src = pictureAddress(model, item.id, place, side);
  frame.append(h("img", { src, alt: "", loading: "lazy", decoding: "async", onerror: () => frame.replaceWith(blank()) }));
  return frame;
}

/** A number of an item, said by its feature's name unless that is its price. */
export function amount(pair) {
  if (!pair) return null;
  const [name, value] = pair;
  const price = /price|价/i.test(name);
  const told = number(value, price ? { minimumFractionDigits: 2, maximumFractionDigits: 2 } : {});
  return h("span", { className: "amount" }, price ? told : `${name} ${told}`);
}

/** What stands below an item's name to say why it is here. */
function reason(hit) {
  const say = words();
  if (hit.shared?.length) return say.shared(hit.shared.slice(0, 3).map(([, value]) => value).join(" · "));
  if (hit.because) return say.because(hit.because.title);
  return hit.near ? say.near(hit.near.title) : "";
}

const skeleton = (count) => Array.from({ length: count }, () => h("span", { className: "card waiting" }, h("span", { className: "frame" })));

/** An error in words, with what the server said behind a click. */
export function trouble(error, again) {
  const say = words();
  return h(
    "div",
    { className: "trouble", role: "alert" },
    h("p", {}, say.errors[error.kind] ?? say.errors.storefront),
    h("details", {}, h("summary", {}, say.details), h("pre", {}, error.message)),
    h("button", { type: "button", onclick: again }, say.retry),
  );
}

/**
 * The answers of some models to one question, a column each where they are several.
 *
 * needs: the ability, as `can` names it, that the question takes.
 * heard: is told the words of a recording.
 */
export function shelf(models, question, { needs, signal, title, note, heard }) {
  const head = h("div", { className: "shelf-head" }, h("h2", {}, title), note ?? null);
  const columns = h("div", { className: models.length > 1 ? "columns" : "column-alone" });
  const answers = models.map((model) => {
    const status = h("span", { className: "status", role: "status" });
    const items = h("div", { className: "cards", "aria-busy": "true" }, skeleton(models.length > 1 ? 4 : 6));
    const several = models.length > 1;
    const top = several ? h("div", { className: "column-head" }, h("h3", {}, model.name), status) : null;
    if (!several) head.append(status);
    columns.append(h("section", { className: "column", "data-model": model.name }, top ?? "", items));
    return fill(model, question, needs, signal, items, status, heard);
  });
  if (models.length > 1) Promise.all(answers).then((found) => compare(head, columns, found), () => {});
  return h("section", { className: "shelf" }, head, columns);
}

async function fill(model, question, needs, signal, items, status, heard) {
  const say = words();
  const again = () => {
    // What a model can was asked when the page loaded.
    if (model.error) return location.reload();
    items.replaceChildren(...skeleton(4));
    fill(model, question, needs, signal, items, status, heard);
  };
  try {
    if (model.error) throw model.error;
    if (!model.can[needs]) {
      items.replaceChildren(h("p", { className: "empty" }, say.cannot[needs]));
      return [];
    }
    const answer = await ask(model.name, question, signal);
    if (answer.words) heard?.(answer.words);
    const how = [say.found(answer.hits.length), say.seconds(answer.seconds)];
    if (answer.keywords) how.splice(1, 0, say.keywords);
    status.replaceChildren(how.join(" · "));
    const empty = question.allow?.length ? say.nothingFilters : say.nothing;
    const cards = answer.hits.map((hit) => {
      const made = card(model.name, hit, reason(hit));
      made.title = `${hit.title}\n${say.id} ${hit.id} · ${say.score(hit.score.toFixed(4))}`;
      return made;
    });
    items.replaceChildren(...(cards.length ? cards : [h("p", { className: "empty" }, empty)]));
    return answer.hits.map((hit) => hit.id);
  } catch (error) {
    if (error.name !== "AbortError") items.replaceChildren(trouble(error, again));
    return [];
  } finally {
    items.removeAttribute("aria-busy");
  }
}

/** Marks the items that every model found, and says so. */
function compare(head, columns, found) {
  const common = found[0].filter((id) => found.every((ids) => ids.includes(id)));
  const marked = new Set(common);
  const legend = () => h("span", { className: "status" }, h("span", { className: "mark" }, "✓"), " ", words().inAll);
  if (common.length) head.append(legend());
  for (const made of columns.querySelectorAll(".card")) {
    if (marked.has(made.dataset.item)) {
      made.append(h("span", { className: "mark", role: "img", "aria-label": words().inAll }, "✓"));
    }
  }
}
