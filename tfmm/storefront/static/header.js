// The top of the page: the search box, the shopper, the models and the language.

import { get } from "./api.js";
import { h, icon } from "./dom.js";
import { record, toWav } from "./sound.js";
import { current, go } from "./state.js";
import { turnLanguage, words } from "./words.js";

let stopRecording = null;

/** Fills the header for a shop's models; `shown` are those that answer now. */
export function showHeader(header, shop, shown, redraw) {
  const say = words();
  const home = h(
    "a",
    { className: "brand", href: "/", "aria-label": say.home, onclick: (event) => (event.preventDefault(), go({ text: "", item: "", image: null, audio: null, allow: [] })) },
    icon("bag"),
    h("span", {}, shop.title),
  );
  const language = h("button", { type: "button", className: "quiet", lang: say.other === "中文" ? "zh-Hans" : "en", onclick: () => (turnLanguage(), redraw()) }, say.other);
  header.replaceChildren(home, searchBox(shown), h("nav", {}, shoppers(shown), modelChoice(shop.models, shown), language));
}

const able = (models, ability) => models.some((model) => model.can?.[ability]);

function searchBox(models) {
  const say = words();
  const { text, image, audio } = current();
  const down = models.every((model) => model.error);
  const typed = h("input", {
    type: "search",
    name: "q",
    value: text,
    autocomplete: "off",
    maxLength: 2000,
    disabled: !down && !able(models, "text"),
    placeholder: hint(models, down),
    "aria-label": say.search,
  });
  const ask = (changes) => go({ item: "", text: typed.value.trim(), image, audio: null, ...changes });
  const form = h(
    "form",
    {
      role: "search",
      onsubmit: (event) => {
        event.preventDefault();
        ask({});
      },
    },
    asked(image, () => ask({ image: null }), say.removePicture),
    asked(audio, () => ask({ audio: null }), say.removeSound),
    typed,
  );
  if (able(models, "image")) form.append(chooser("image/*", say.picture, "camera", (file) => ask({ image: file })));
  if (able(models, "audio")) form.append(recorder((sound) => go({ item: "", text: "", image: null, audio: sound })));
  form.append(h("button", { type: "submit", className: "main", "aria-label": say.search }, icon("search")));
  return form;
}

/** What the empty box says: fingers drop no pictures. */
function hint(models, down) {
  const say = words();
  if (!down && !able(models, "text")) return say.noWords;
  return able(models, "image") && matchMedia("(pointer: fine)").matches ? say.dropHint : say.placeholder;
}

/** The picture or recording that is asked, with a button that removes it. */
function asked(file, remove, label) {
  if (!file) return null;
  const shown = file.type.startsWith("image/") ? preview(file) : icon("microphone");
  return h("button", { type: "button", className: "asked", "aria-label": label, title: label, onclick: remove }, shown, icon("close"));
}

/** A chosen picture. */
export function preview(file) {
  const src = URL.createObjectURL(file);
  return h("img", { src, alt: "", onload: () => URL.revokeObjectURL(src) });
}

/** A button that takes a file. */
export function chooser(accept, label, drawing, chosen) {
  const input = h("input", { type: "file", accept, className: "unseen", "aria-label": label, onchange: () => input.files[0] && chosen(input.files[0]) });
  return h("label", { className: "tool", title: label }, input, icon(drawing));
}

/** A microphone where the browser may listen, which it may on this machine or over TLS; else a file. */
function recorder(heard) {
  const say = words();
  const decoded = async (file) => {
    try {
      heard(await toWav(file));
    } catch {
      alert(say.notSound);
    }
  };
  if (!navigator.mediaDevices?.getUserMedia) return chooser("audio/*", say.sound, "microphone", decoded);
  const button = h("button", { type: "button", className: "tool", title: say.record, "aria-label": say.record });
  const draw = () => {
    button.replaceChildren(icon(stopRecording ? "stop" : "microphone"));
    button.classList.toggle("listening", Boolean(stopRecording));
    button.title = stopRecording ? say.recording : say.record;
    button.setAttribute("aria-label", button.title);
  };
  button.addEventListener("click", async () => {
    try {
      if (stopRecording) {
        const stop = stopRecording;
        stopRecording = null;
        draw();
        heard(await stop());
      } else {
        stopRecording = await record();
        draw();
      }
    } catch (error) {
      stopRecording = null;
      draw();
      alert(`${say.microphone}: ${error.message}`);
    }
  });
  draw();
  return button;
}

/** A menu below a button. It closes by Escape and by a press elsewhere (main.js). */
const menu = (label, ...content) => h("details", { className: "menu" }, h("summary", {}, h("span", {}, label)), h("div", { className: "sheet" }, ...content));

function shoppers(models) {
  const say = words();
  const { shopper } = current();
  const model = models.find((one) => one.shoppers && one.can?.shopper);
  if (!model) return null;
  const list = h("div", { className: "list" });
  const pick = (id) => h("button", { type: "button", className: id === shopper ? "picked" : "", onclick: () => go({ shopper: id, item: "", text: "", image: null, audio: null }) }, id || say.nobody);
  const find = async (part) => {
    const found = await get(model.name, "shoppers", { part }).catch(() => ({ shoppers: [] }));
    if (part !== input.value.trim()) return;
    const none = h("p", { className: "note" }, say.noShopper);
    list.replaceChildren(...(part ? [] : [pick("")]), ...found.shoppers.map(pick), ...(found.shoppers.length ? [] : [none]));
  };
  const input = h("input", { type: "search", placeholder: say.findShopper, "aria-label": say.findShopper, oninput: () => find(input.value.trim()) });
  const made = menu(shopper || say.shopper, input, list);
  made.classList.add("shoppers");
  made.addEventListener("toggle", () => made.open && (find(input.value.trim()), input.focus()));
  return made;
}

function modelChoice(models, shown) {
  if (models.length < 2) return null;
  const say = words();
  const names = shown.map((model) => model.name);
  const rows = models.map((model) => {
    const box = h("input", {
      type: "checkbox",
      checked: names.includes(model.name),
      onchange: () => {
        const chosen = models.map((one) => one.name).filter((name) => (name === model.name ? box.checked : names.includes(name)));
        if (chosen.length) go({ models: chosen });
        else box.checked = true;
      },
    });
    const state = model.error ? say.errors[model.error.kind] : `${say.version(model.version)} · ${say.nItems(model.items)}`;
    return h("label", {}, box, h("span", {}, model.name, h("small", {}, state)));
  });
  const made = menu(names.length > 1 ? `${say.models} (${names.length})` : names[0], ...rows);
  made.classList.add("models");
  return made;
}
