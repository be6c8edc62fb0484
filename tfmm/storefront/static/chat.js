// The assistant's panel. The conversation is kept in this tab alone and sent with every turn.

import { chat } from "./api.js";
import { h, icon } from "./dom.js";
import { chooser, preview } from "./header.js";
import { card } from "./shelf.js";
import { current } from "./state.js";
import { words } from "./words.js";

const KEPT = "tfmm.chat";
const LONGEST = 2000;
let open = false;
let waiting = false;
let picture = null;
let drawn = "";

/** What was said so far with a model: `state` for the server and `lines` for the page. */
function kept(model) {
  try {
    const found = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
    if (found?.model === model && Array.isArray(found.lines)) return found;
  } catch {
    // What does not parse is forgotten.
  }
  return { model, state: null, lines: [] };
}

function keep(talk) {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify({ ...talk, lines: talk.lines.slice(-40) }));
  } catch {
    // The tab's storage is full, of pictures: this talk is not kept beyond the page.
  }
}

/** Draws the button, and the panel where it is open, for the model that is asked first. */
export function showChat(place, model) {
  const say = words();
  const able = !model.error && model.can?.text;
  place.hidden = !able;
  if (!able) return;
  // Another page of the shop leaves a conversation, and what is being typed, alone.
  const now = `${model.name} ${say.other} ${open}`;
  if (drawn === now) return;
  drawn = now;
  const again = () => ((drawn = ""), showChat(place, model));
  const turn = (to) => {
    open = to;
    again();
    place.querySelector(to ? "input[name=turn]" : ".chat-open").focus();
  };
  if (open) place.replaceChildren(panel(model, () => turn(false), again));
  else place.replaceChildren(h("button", { type: "button", className: "chat-open", "aria-expanded": "false", onclick: () => turn(true) }, icon("chat"), h("span", {}, say.chat)));
}

function panel(model, close, again) {
  const say = words();
  const talk = kept(model.name);
  const log = h("div", { className: "chat-log", role: "log", "aria-live": "polite", "aria-label": say.chatTitle, tabIndex: 0 });
  const typed = h("input", { type: "text", name: "turn", autocomplete: "off", maxLength: LONGEST, placeholder: say.chatHint, "aria-label": say.chatHint });
  const chosen = h("span", { className: "chat-chosen" });
  // On a phone the panel covers the page that a product opens.
  log.addEventListener("click", (event) => event.target.closest(".card") && matchMedia("(max-width: 859px)").matches && close());
  const show = (line) => log.append(drawLine(model.name, line));
  const down = () => (log.scrollTop = log.scrollHeight);
  show({ text: say.chatHello });
  talk.lines.forEach(show);
  requestAnimationFrame(down);

  async function send(event) {
    event.preventDefault();
    const text = typed.value.trim();
    if (waiting || !(text || picture)) return;
    const asked = { you: true, text: text || say.aPicture };
    const image = picture;
    show(asked);
    talk.lines.push(asked);
    typed.value = "";
    picture = null;
    chosen.replaceChildren();
    const dots = h("p", { className: "chat-line waiting", "aria-hidden": "true" }, say.chatThinking);
    log.append(dots);
    down();
    waiting = true;
    try {
      const answer = await chat(model.name, { text, image, state: talk.state && JSON.stringify(talk.state), shopper: current().shopper });
      talk.state = answer.state;
      const line = { text: answer.text, language: answer.language, products: answer.products, listed: answer.listed };
      talk.lines.push(line);
      keep(talk);
      show(line);
    } catch (error) {
      const line = { text: say.errors[error.kind] ?? say.errors.storefront, bad: true };
      show(line);
    } finally {
      waiting = false;
      dots.remove();
      down();
    }
  }

  const take = (file) => {
    picture = file;
    const drop = () => ((picture = null), chosen.replaceChildren(), typed.focus());
    chosen.replaceChildren(h("button", { type: "button", className: "asked", "aria-label": say.removePicture, title: say.removePicture, onclick: drop }, preview(file), icon("close")));
    typed.focus();
  };
  if (picture) take(picture);
  const anew = () => (sessionStorage.removeItem(KEPT), (picture = null), again());
  return h(
    "section",
    { className: "chat-panel", "aria-label": say.chatTitle, onkeydown: (event) => event.key === "Escape" && close() },
    h(
      "div",
      { className: "chat-head" },
      h("h2", {}, say.chatTitle),
      h("button", { type: "button", className: "quiet", onclick: anew }, say.chatAnew),
      h("button", { type: "button", className: "tool", "aria-label": say.chatClose, title: say.chatClose, onclick: close }, icon("close")),
    ),
    log,
    h(
      "form",
      { onsubmit: send },
      chosen,
      typed,
      model.can.image ? chooser("image/*", say.picture, "camera", take) : null,
      h("button", { type: "submit", className: "main", "aria-label": say.chatSend, title: say.chatSend }, icon("send")),
    ),
  );
}

/** What somebody said, with the products that the answer shows, counted as "the second" counts. */
function drawLine(model, { you, text, bad, language, products, listed }) {
  const say = words();
  const name = `chat-line${you ? " you" : ""}${bad ? " bad" : ""}`;
  const lang = language === "zh" ? "zh-Hans" : language;
  const line = h("p", { className: name, lang: lang ?? "", dir: "auto" }, you ? h("span", { className: "unseen" }, `${say.chatYou}: `) : null, text);
  if (!products?.length) return line;
  const items = products.map((item, place) => {
    const made = card(model, item);
    if (listed) made.querySelector(".name").prepend(`${place + 1}. `);
    return h("li", {}, made);
  });
  return h("div", { className: "chat-answer" }, line, h("ol", { className: "chat-items" }, items));
}
