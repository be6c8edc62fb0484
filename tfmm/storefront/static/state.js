// Where the visitor is: the address holds the question, the tab's storage the session.

const KEPT = "tfmm.session";
const LONGEST = 50;
const files = new Map();
let nextFile = 1;

/** The question that the address asks. */
export function current() {
  const pairs = new URLSearchParams(location.search);
  const file = files.get(history.state?.file);
  return {
    text: pairs.get("q") ?? "",
    item: pairs.get("item") ?? "",
    shopper: pairs.get("shopper") ?? "",
    allow: pairs.getAll("f"),
    models: pairs.getAll("m"),
    image: file?.type.startsWith("image/") ? file : null,
    audio: file?.type.startsWith("audio/") ? file : null,
  };
}

/** The address of a question; what `changes` leaves out stays as it is now. */
export function address(changes) {
  const { text, item, shopper, allow, models } = { ...current(), ...changes };
  const pairs = new URLSearchParams();
  if (item) pairs.set("item", item);
  else if (text) pairs.set("q", text);
  if (shopper) pairs.set("shopper", shopper);
  allow.forEach((term) => pairs.append("f", term));
  models.forEach((name) => pairs.append("m", name));
  return pairs.size ? `/?${pairs}` : "/";
}

/** Goes to a question and tells the page. */
export function go(changes) {
  const wanted = { ...current(), ...changes };
  const file = wanted.item ? null : wanted.image ?? wanted.audio;
  let state = {};
  if (file) {
    const kept = [...files].find(([, one]) => one === file);
    state = { file: kept ? kept[0] : nextFile };
    if (!kept) files.set(nextFile++, file);
  }
  history.pushState(state, "", address(changes));
  dispatchEvent(new PopStateEvent("popstate"));
}

/** The ids of the items looked at in this tab, oldest first. */
export function session() {
  try {
    const found = JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
    return Array.isArray(found) ? found.filter((id) => typeof id === "string") : [];
  } catch {
    return [];
  }
}

/** Adds an item to the session, as its latest. */
export function lookAt(id) {
  const items = [...session().filter((one) => one !== id), id].slice(-LONGEST);
  sessionStorage.setItem(KEPT, JSON.stringify(items));
}

/** Forgets the session. */
export const forget = () => sessionStorage.removeItem(KEPT);
