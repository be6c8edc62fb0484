// The storefront's own server.

/** What went wrong: a kind that `words.js` has a sentence for, and the details. */
export class ApiError extends Error {
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}

const path = (model, name) => `/api/${encodeURIComponent(model)}/${name}`;

async function answer(address, options) {
  let response;
  try {
    response = await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("away", String(error.message));
  }
  const told = await response.json().catch(() => ({}));
  if (response.ok) return told;
  throw new ApiError(told.error?.kind ?? "storefront", told.error?.message ?? `HTTP ${response.status}`);
}

/** Pairs as a query; a list gives its name once for each value. */
function query(pairs) {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(pairs)) for (const one of [value].flat()) found.append(name, one);
  return found.size ? `?${found}` : "";
}

/** The shop's title and its models, with what they can. */
export const getShop = () => answer("/api/shop");

/** `facets`, `browse`, `item`, `shoppers` or `past` of a model. */
export const get = (model, name, pairs, signal) => answer(path(model, name) + query(pairs), { signal });

/** A model's answer to a question: fields by name, lists for those that repeat, blobs for files. */
export function ask(model, question, signal) {
  const body = new FormData();
  for (const [name, value] of Object.entries(question)) for (const one of [value].flat()) body.append(name, one);
  return answer(path(model, "ask"), { method: "POST", body, signal });
}

/** The assistant's answer to a turn: `text`, `image`, `state` and `shopper`, each where there is one. */
export function chat(model, turn) {
  const body = new FormData();
  for (const [name, value] of Object.entries(turn)) if (value) body.append(name, value);
  return answer(path(model, "chat"), { method: "POST", body });
}

/** Where a picture of an item is; sides are 360 and 1080 pixels. */
export const pictureAddress = (model, id, number = 0, side = 360) => path(model, "picture") + query({ id, number, side });
