// The page: draws what the address asks, and draws anew when it changes.

import { ApiError, get, getShop } from "./api.js";
import { h, icon } from "./dom.js";
import { showChat } from "./chat.js";
import { chosen, showFacets } from "./facets.js";
import { showHeader } from "./header.js";
import { showItem } from "./item_page.js";
import { card, shelf, trouble } from "./shelf.js";
import { current, forget, go, lookAt, session } from "./state.js";
import { applyLanguage, words } from "./words.js";

const [header, side, main, drop] = ["header", "facets", "main", "drop"].map((id) => document.getElementById(id));
let shop = null;
let drawing = new AbortController();

async function start() {
  applyLanguage();
  try {
    shop = await getShop();
  } catch (error) {
    main.replaceChildren(trouble(error, start));
    return;
  }
  for (const model of shop.models) if (model.error) model.error = new ApiError(model.error.kind, model.error.message);
  draw();
}

/** The models that the address names, else the first. */
function shownModels() {
  const { models } = current();
  const named = shop.models.filter((model) => models.includes(model.name));
  return named.length ? named : shop.models.slice(0, 1);
}

function draw() {
  drawing.abort();
  drawing = new AbortController();
  const { signal } = drawing;
  const models = shownModels();
  const asked = current();
  document.title = shop.title;
  if (asked.item) lookAt(asked.item);
  showHeader(header, shop, models, draw);
  showChat(document.getElementById("chat"), models[0]);
  document.body.classList.toggle("on-item", Boolean(asked.item));
  if (asked.item) showItem(main, models, asked.item, asked.allow, signal);
  else {
    showFacets(side, models[0], signal);
    if (asked.text || asked.image || asked.audio) showResults(models, asked, signal);
    else showHome(models, asked, signal);
  }
}

function showResults(models, { text, image, audio, allow }, signal) {
  const say = words();
  const question = { kind: "search", allow };
  if (text) question.text = text;
  if (image) question.image = image;
  if (audio) question.audio = audio;
  const parts = [image && say.aPicture, audio && say.aRecording, text && say.quoted(text)].filter(Boolean);
  const note = h("span", { className: "note" });
  const needs = audio ? "audio" : image ? (text ? "mixed" : "image") : "text";
  const title = say.results(parts.join(say.and));
  document.title = title;
  main.replaceChildren(...[chosen(), shelf(models, question, { needs, signal, title, note, heard: (heard) => note.replaceChildren(say.heard(heard)) })].filter(Boolean));
}

function showHome(models, { shopper, allow }, signal) {
  const say = words();
  const looked = session();
  const parts = [chosen()];
  if (looked.length) parts.push(sessionStrip(models[0].name, looked, signal));
  const sees = models.some((model) => model.can?.session) || models.every((model) => model.error);
  if (looked.length && sees) {
    const note = h("span", { className: "note" }, say.sessionOf(looked.length));
    parts.push(shelf(models, { kind: "session", item: looked, allow }, { needs: "session", signal, title: say.forYou, note }));
  }
  if (shopper) {
    parts.push(pastStrip(models[0].name, shopper, signal));
    parts.push(shelf(models, { kind: "shopper", shopper, allow }, { needs: "shopper", signal, title: say.forShopper(shopper) }));
  }
  if (!looked.length && !shopper && sees) parts.push(shelf(models, { kind: "session", item: [], allow }, { needs: "session", signal, title: say.newVisitor }));
  parts.push(everything(models[0].name, allow, signal));
  main.replaceChildren(...parts.filter(Boolean));
}

/** The items that the visitor looked at, small, latest first. */
function sessionStrip(model, ids, signal) {
  const say = words();
  const items = h("div", { className: "strip" });
  Promise.all(ids.slice(-12).reverse().map((id) => get(model, "item", { id }, signal))).then(
    (found) => items.replaceChildren(...found.map((item) => card(model, item))),
    () => {},
  );
  const again = h("button", { type: "button", className: "quiet", onclick: () => (forget(), draw()) }, say.forget);
  return h("section", { className: "shelf looked" }, h("div", { className: "shelf-head" }, h("h2", {}, say.looked), again), items);
}

/** What a shopper looked at, as the shop's events say; nothing where they do not. */
function pastStrip(model, shopper, signal) {
  const items = h("div", { className: "strip" });
  const section = h("section", { className: "shelf looked", hidden: true }, h("div", { className: "shelf-head" }, h("h2", {}, words().past)), items);
  get(model, "past", { shopper }, signal).then(({ hits }) => {
    items.replaceChildren(...hits.map((item) => card(model, item)));
    section.hidden = !hits.length;
  }, () => {});
  return section;
}

/** The catalogue under the filters, more of it at a press. */
function everything(model, allow, signal) {
  const say = words();
  const items = h("div", { className: "cards" });
  const status = h("span", { className: "note" });
  const button = h("button", { type: "button", className: "wide", hidden: true }, say.showMore);
  const more = async () => {
    try {
      const { hits, total } = await get(model, "browse", { allow, start: items.childElementCount }, signal);
      items.append(...hits.map((item) => card(model, item)));
      status.replaceChildren(say.found(total));
      button.hidden = items.childElementCount >= total;
    } catch (error) {
      if (error.name !== "AbortError") items.replaceChildren(trouble(error, () => (items.replaceChildren(), more())));
    }
  };
  button.addEventListener("click", more);
  more();
  return h("section", { className: "shelf" }, h("div", { className: "shelf-head" }, h("h2", {}, say.browse), status), items, button);
}

/** A picture that is dropped or pasted anywhere is searched by. */
function takePicture(files) {
  const picture = [...(files ?? [])].find((file) => file.type.startsWith("image/"));
  if (picture) go({ item: "", image: picture, audio: null });
  return Boolean(picture);
}

addEventListener("dragover", (event) => {
  if (![...event.dataTransfer.types].includes("Files")) return;
  event.preventDefault();
  drop.replaceChildren(icon("camera"), words().drop);
  drop.hidden = false;
});
addEventListener("dragleave", (event) => event.relatedTarget === null && (drop.hidden = true));
addEventListener("drop", (event) => {
  event.preventDefault();
  drop.hidden = true;
  takePicture(event.dataTransfer.files);
});
addEventListener("paste", (event) => takePicture(event.clipboardData?.files) && event.preventDefault());
addEventListener("popstate", () => {
  if (!shop) return;
  draw();
  scrollTo(0, 0);
});
const closeMenus = (but) => document.querySelectorAll("details.menu[open]").forEach((menu) => menu.contains(but) || (menu.open = false));
addEventListener("pointerdown", (event) => closeMenus(event.target));
addEventListener("keydown", (event) => event.key === "Escape" && closeMenus(null));

start();
