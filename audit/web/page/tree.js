// Who gave authority to whom, as a picture and as a list that says the same.

import { chip, count, el, put, shortDigest, svg } from "./dom.js";

const nodeWidth = 132, nodeHeight = 66, gapX = 12, gapY = 36, edge = 14;
const maxNodes = 60; // in the picture; the list has all
const maxListed = 8; // delegations of one agent that are listed
const order = ["live", "not-yet-valid", "expired", "void", "revoked", "forged"];
const spoken = (state) => state.replaceAll("-", " ");

// grow puts chains together: one node for each way from a human to an agent.
function grow(chains) {
  const roots = new Map();
  const child = (map, name) => {
    if (!map.has(name)) map.set(name, { name, children: new Map(), delegations: new Map() });
    return map.get(name);
  };
  for (const chain of chains) {
    let node = child(roots, chain.links[0].delegator);
    for (const link of chain.links) {
      node = child(node.children, link.delegate);
      node.delegations.set(link.digest, link);
    }
  }
  return [...roots.values()];
}

// statesOf is how many delegations stand how, the best first.
function statesOf(node) {
  const states = new Map();
  for (const link of node.delegations.values()) states.set(link.state, (states.get(link.state) ?? 0) + 1);
  const rank = (s) => (order.indexOf(s) + order.length + 1) % (order.length + 1);
  return [...states].sort((a, b) => rank(a[0]) - rank(b[0]));
}

function named(node) {
  const m = /^(human|agent)\.(.+)$/.exec(node.name);
  return m ? { kind: m[1], name: m[2] } : { kind: "", name: node.name };
}

const cut = (text, n) => ([...text].length > n ? [...text].slice(0, n - 1).join("") + "…" : text);

// place gives every node its place, and returns how wide the tree is. Nodes beyond the limit are left out.
function place(node, depth, left, all) {
  if (all.length >= maxNodes) return 0;
  const at = { node, depth, children: [] };
  all.push(at);
  let width = 0;
  for (const c of node.children.values()) {
    const before = all.length;
    const w = place(c, depth + 1, left + width, all);
    if (w > 0) {
      at.children.push(all[before]);
      width += w + gapX;
    }
  }
  width = Math.max(width - gapX, nodeWidth);
  at.x = at.children.length > 0 ? (at.children[0].x + at.children[at.children.length - 1].x) / 2 : left;
  at.y = edge + depth * (nodeHeight + gapY);
  return width;
}

function picture(roots) {
  const all = [];
  let width = edge;
  for (const root of roots) {
    const w = place(root, 0, width, all);
    if (w > 0) width += w + gapX * 2;
  }
  width += edge - gapX * 2;
  const height = Math.max(...all.map((n) => n.y)) + nodeHeight + edge;
  const lines = [], boxes = [];
  for (const n of all) {
    const { kind, name } = named(n.node);
    const states = statesOf(n.node);
    const state = states.length > 0 ? states[0][0] : "";
    for (const c of n.children) {
      const to = statesOf(c.node)[0]?.[0] ?? "";
      const x1 = n.x + nodeWidth / 2, y1 = n.y + nodeHeight, x2 = c.x + nodeWidth / 2, y2 = c.y;
      lines.push(svg("path", { class: to, d: `M${x1} ${y1}C${x1} ${y1 + gapY / 2} ${x2} ${y2 - gapY / 2} ${x2} ${y2}` }));
    }
    const middle = n.x + nodeWidth / 2;
    boxes.push(svg("g", { class: `node ${kind} ${state}` },
      svg("title", {}, n.node.name),
      svg("rect", { x: n.x, y: n.y, width: nodeWidth, height: nodeHeight, rx: kind === "human" ? 24 : 6 }),
      svg("text", { class: "kind", x: middle, y: n.y + (states.length ? 18 : 26) }, kind || "unknown"),
      svg("text", { class: "name", x: middle, y: n.y + (states.length ? 36 : 45) }, cut(name, 14)),
      states.length > 0 && svg("text", { class: "state", x: middle, y: n.y + 54 }, cut(n.node.delegations.size === 1 ? spoken(states[0][0]) : states.map(([s, c]) => `${c} ${spoken(s)}`).join(", "), 20)),
    ));
  }
  return { all, drawn: svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Tree of delegations, humans at the top. The list below says the same." }, lines, boxes) };
}

function listed(node, link) {
  const { kind, name } = named(node);
  const states = statesOf(node);
  const all = [...node.delegations.values()];
  return el("li", {},
    el("span", { class: "who" }, name), kind ? ` (${kind}) ` : " ",
    states.map(([state, n]) => [chip(state, all.length === 1 ? spoken(state) : `${n} ${spoken(state)}`), " "]),
    all.length > 0 && el("ul", { class: "delegations" }, all.slice(0, maxListed).map((d) => el("li", {},
      d.purpose ? `for “${d.purpose}”, ` : "", all.length > 1 ? `${spoken(d.state)}, ` : "", `${d.state === "live" ? "until" : "ends"} ${d.until}`, d.minted ? ", with a key made for it alone" : "", ", ",
      el("a", { href: link(d.digest), "data-nav": true, "aria-label": `decisions under the delegation ${shortDigest(d.digest)}` }, el("code", {}, shortDigest(d.digest))),
    )), all.length > maxListed && el("li", {}, `and ${all.length - maxListed} more`)),
    node.children.size > 0 && el("ul", {}, [...node.children.values()].map((c) => listed(c, link))),
  );
}

// draw puts picture and list in the place of what is there. link is the address of what was done under a delegation.
export function draw(into, chains, { link, revoked, more }) {
  if (chains.length === 0) {
    put(into, el("p", {}, "Nobody here acted on authority that somebody gave: either humans acted themselves, or it is not known who acted."));
    return;
  }
  const roots = grow(chains);
  const { all, drawn } = picture(roots);
  const total = (nodes) => nodes.reduce((n, node) => n + 1 + total([...node.children.values()]), 0);
  const left = total(roots) - all.length;
  put(into,
    el("div", { class: "picture", tabindex: "0", role: "group", "aria-label": "Picture of the delegations" }, drawn),
    left > 0 && el("p", {}, `The picture leaves out ${count(left, "agent", "agents")}; the list below has all.`),
    more > 0 && el("p", {}, `${count(more, "chain of delegations is", "chains of delegations are")} left out here. Narrow the filters to see them.`),
    el("p", { class: "hint" }, revoked
      ? "Live: it can be used now. Expired: its time is over. Revoked: the policy took it back. Void: it does not hold for another reason. Forged: it is not signed by who it names, and binds nobody."
      : "Live: its time is not over. Expired: it is. Forged: it is not signed by who it names, and binds nobody. Which were revoked is not known here: only a clone of the repository has the policy that says so."),
    el("ul", { class: "tree", "aria-label": "The delegations as a list" }, roots.map((r) => listed(r, link))),
  );
}
