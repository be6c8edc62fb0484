// Filters by the catalogue's categories and tags.

import { get } from "./api.js";
import { h, icon } from "./dom.js";
import { current, go } from "./state.js";
import { number, words } from "./words.js";

const SHOWN = 8;
const opened = new Set();

/** Fills the side with the facets of a model's catalogue, the chosen values ticked. */
export async function showFacets(side, model, signal) {
  const { allow } = current();
  let facets;
  try {
    ({ facets } = await get(model.name, "facets", { allow }, signal));
  } catch (error) {
    // The shelves say what is wrong; a filter that the catalogue lacks is cleared by its chip.
    if (error.name !== "AbortError") side.replaceChildren();
    return;
  }
  facets = facets.filter((facet) => facet.values.length > 1 || facet.values.some(([value]) => allow.includes(`${facet.name}=${value}`)));
  const say = words();
  side.hidden = !facets.length;
  const wide = matchMedia("(min-width: 860px)").matches;
  const box = h(
    "details",
    { className: "facet-box", open: wide || opened.has("box"), ontoggle: (event) => remember("box", event.target.open) },
    h("summary", {}, say.filters, allow.length ? h("span", { className: "count" }, String(allow.length)) : null),
    ...facets.map((facet) => group(facet, allow)),
  );
  const focused = side.contains(document.activeElement) ? document.activeElement.dataset.term : undefined;
  side.replaceChildren(box);
  if (focused) side.querySelector(`[data-term="${CSS.escape(focused)}"]`)?.focus();
}

const remember = (name, open) => (open ? opened.add(name) : opened.delete(name));

function group(facet, allow) {
  const say = words();
  const rows = facet.values.map(([value, count], place) => {
    const term = `${facet.name}=${value}`;
    const box = h("input", {
      type: "checkbox",
      "data-term": term,
      checked: allow.includes(term),
      onchange: (event) => go({ allow: event.target.checked ? [...allow, term] : allow.filter((one) => one !== term) }),
    });
    const row = h("label", {}, box, h("span", { className: "value" }, value), h("span", { className: "count" }, number(count)));
    row.hidden = place >= SHOWN && !opened.has(facet.name) && !box.checked;
    return row;
  });
  const rest = rows.length - SHOWN;
  const set = h("fieldset", {}, h("legend", {}, facet.name), ...rows);
  if (rest > 0) {
    const button = h("button", { type: "button", className: "quiet" });
    const say_it = () => (button.textContent = opened.has(facet.name) ? say.fewer : say.more(rest));
    button.addEventListener("click", () => {
      remember(facet.name, !opened.has(facet.name));
      rows.forEach((row, place) => (row.hidden = place >= SHOWN && !opened.has(facet.name) && !row.querySelector("input").checked));
      say_it();
    });
    say_it();
    set.append(button);
  }
  return set;
}

/** The chosen filters as buttons that remove them; null where there are none. */
export function chosen() {
  const { allow } = current();
  const say = words();
  if (!allow.length) return null;
  return h(
    "div",
    { className: "chips" },
    ...allow.map((term) => {
      const [name, value] = [term.slice(0, term.indexOf("=")), term.slice(term.indexOf("=") + 1)];
      const label = say.without(`${name}: ${value}`);
      return h("button", { type: "button", className: "chip", "aria-label": label, onclick: () => go({ allow: allow.filter((one) => one !== term) }) }, value, icon("close"));
    }),
    h("button", { type: "button", className: "quiet", onclick: () => go({ allow: [] }) }, say.clear),
  );
}
