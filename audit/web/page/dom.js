// Elements, made of text alone: whatever others wrote is put into the page as text.

const svgSpace = "http://www.w3.org/2000/svg";

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") {
      for (const [event, f] of Object.entries(value)) node.addEventListener(event, f);
    } else {
      node.setAttribute(name, value === true ? "" : String(value));
    }
  }
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false || child === "") continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

// put makes children the only ones of a node.
export function put(node, ...children) {
  node.replaceChildren();
  return fill(node, {}, children);
}

export const el = (name, props, ...children) => fill(document.createElement(name), props, children);
export const svg = (name, props, ...children) => fill(document.createElementNS(svgSpace, name), props, children);
export const byId = (id) => document.getElementById(id);

const signs = {
  allow: "✓", deny: "✗", pending: "○", undecided: "?",
  ok: "✓", wrong: "✗", part: "–", live: "✓", expired: "–", revoked: "✗", forged: "✗",
};

// chip is a word with a sign: never by its colour alone.
export function chip(kind, word) {
  return el("span", { class: `chip ${signs[kind] ? kind : "other"}` }, el("span", { "aria-hidden": "true" }, signs[kind] ?? "–"), word);
}

export const count = (n, one, many) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
export const shortDigest = (digest) => digest.slice(0, 19);
