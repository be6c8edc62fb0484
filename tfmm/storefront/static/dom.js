// Elements from data. Text only ever becomes text: no string here is read as markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element with properties, `on…` listeners, attributes (by `-` or `aria`, `data`) and children. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

const PATHS = {
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M15.5 15.5 20 20",
  camera: "M4 8h4l1.5-2.5h5L16 8h4v11H4zM12 10.2a3.2 3.2 0 1 0 0 6.4 3.2 3.2 0 0 0 0-6.4",
  microphone: "M12 3.5a2.8 2.8 0 0 0-2.8 2.8v5a2.8 2.8 0 0 0 5.6 0v-5A2.8 2.8 0 0 0 12 3.5M6 11.2a6 6 0 0 0 12 0M12 17.2V21",
  stop: "M7 7h10v10H7z",
  close: "M6 6l12 12M18 6 6 18",
  chat: "M4 5h16v11H10l-4.5 3.5V16H4zM8 9.2h8M8 12.2h5",
  send: "M4 12 20 5l-5 15-3.5-6z",
  bag: "M5 9h14l-1.2 11H6.2zM9 9a3 3 0 0 1 6 0",
};

/** A line drawing of 24 by 24. */
export function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  drawing.append(path);
  return drawing;
}
