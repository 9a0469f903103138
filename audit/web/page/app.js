// The page: what is asked stands in the address, and what is shown is made from it.

import { byId, chip, count, el, put } from "./dom.js";
import { show } from "./entry.js";
import { draw } from "./tree.js";

const perPage = 50;
const lookEvery = 20_000; // milliseconds, for entries that came
const filters = ["agent", "human", "verdict", "environment", "since", "until", "path", "rule", "delegation", "commit", "surface", "repository"];
const named = new URLSearchParams(location.hash.slice(1)).get("key") ?? "";
const anchor = location.hash.includes("key=") ? location.hash : "";

let about = null; // what the server says of the log
let turn = 0; // of the view that is shown; older ones end
let abort = new AbortController();
let list = null; // what is asked of the list that is in the page; null: there is none

// ask gets an answer of the server. Its error says what is wrong, for people.
async function ask(path, signal) {
  let response, answer;
  try {
    response = await fetch(path, { signal });
    answer = await response.json();
  } catch (e) {
    if (e.name === "AbortError") throw e;
    throw new Error("The program that serves this page does not answer. Was it stopped?");
  }
  if (!response.ok) throw new Error([answer.error, answer.fix].filter(Boolean).join(". "));
  return answer;
}

function address(changes, from = new URLSearchParams(location.search)) {
  const params = new URLSearchParams(from);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") params.delete(name);
    else params.set(name, value);
  }
  const text = params.toString();
  return `${location.pathname}${text ? "?" + text : ""}${anchor}`;
}

const asked = (params) => Object.fromEntries(filters.filter((name) => params.get(name)).map((name) => [name, params.get(name)]));
const underDelegation = (digest) => address({ delegation: digest }, new URLSearchParams());

function go(url) {
  history.pushState(null, "", url);
  return render();
}

function problem(text) {
  const box = byId("problem");
  box.textContent = text;
  box.hidden = text === "";
}

const say = (text) => { byId("status").textContent = text; };

function row(entry) {
  return el("li", { class: entry.verdict, id: `row-${entry.index}` },
    el("a", { class: "sentence", href: address({ entry: entry.index }), "data-nav": true }, entry.sentence),
    el("div", { class: "meta" },
      chip(entry.verdict, entry.word), el("span", {}, `Entry ${entry.index}`), el("time", { datetime: entry.time }, entry.at), el("span", {}, `decided by ${entry.surface}`),
      entry.where && el("span", {}, entry.where),
      entry.blocked && el("span", { class: "mark" }, entry.blocked),
      !entry.attested && el("span", { class: "mark" }, "unattested: nobody vouches for it"),
      entry.perhaps && el("span", { class: "mark" }, "perhaps: what you ask for may be in what it leaves out"),
    ),
  );
}

function pager(page) {
  const go = (text, changes) => changes
    ? el("a", { href: address({ before: null, after: null, ...changes }), "data-nav": true, "data-page": true }, text)
    : el("a", { role: "link", "aria-disabled": "true" }, text);
  for (const id of ["pager-top", "pager-bottom"]) {
    byId(id).replaceChildren(
      go("Newest", page.newer && {}), go("← Newer", page.newer), go("Older →", page.older), go("Oldest", page.older && { after: 0 }),
    );
  }
}

// renderList shows a page of entries. The server looks through a part of the log for each answer; it is asked until the
// page is full.
async function renderList(params, mine) {
  const wanted = asked(params);
  byId("entry-view").hidden = true;
  byId("list-view").hidden = false;
  byId("skip-authority").hidden = false;
  for (const name of filters) byId("form").elements[name].value = wanted[name] ?? "";
  for (const input of byId("form").elements) input.removeAttribute("aria-invalid");
  const on = Object.keys(wanted).length;
  if ([...byId("more-filters").querySelectorAll("input")].some((input) => input.value !== "")) byId("more-filters").open = true;
  byId("filters-on").textContent = `${on} in use`;
  byId("filters-on").hidden = on === 0;
  document.title = `${on > 0 ? "Filtered decisions" : "Decisions"} · Audit log ${about?.log ?? ""}`;
  const shown = params.toString();
  if (list === shown) return;
  list = null;
  problem("");
  byId("newer-there").hidden = true;
  byId("progress").textContent = "Looking …";
  const backwards = !params.has("after");
  let at = params.get("before") ?? params.get("after");
  let looked = 0, answer = { end: false };
  const rows = [], chains = new Map();
  let more = 0, stopped = false;
  const stop = byId("stop");
  stop.onclick = () => { stopped = true; };
  const out = byId("entries");
  try {
    while (rows.length < perPage && !answer.end && !stopped) {
      const query = new URLSearchParams({ ...wanted, limit: perPage - rows.length });
      if (at !== null) query.set(backwards ? "before" : "after", at);
      answer = await ask(`api/entries?${query}`, abort.signal);
      if (mine !== turn) return;
      at = answer.next;
      looked += answer.looked;
      more += answer.more;
      for (const c of answer.chains) chains.set(c.digest, c);
      if (rows.length === 0) out.replaceChildren();
      if (backwards) rows.push(...answer.entries);
      else rows.unshift(...answer.entries);
      if (backwards) out.append(...answer.entries.map(row));
      else out.prepend(...answer.entries.map(row));
      byId("progress").textContent = `Looked through ${count(looked, "entry", "entries")} of ${answer.size.toLocaleString("en")} …`;
      stop.hidden = answer.end || rows.length >= perPage;
    }
  } catch (e) {
    if (mine !== turn || e.name === "AbortError") return;
    problem(e.message);
    const part = /^([a-z]+): /.exec(e.message)?.[1];
    if (part && filters.includes(part)) {
      byId("filters").open = true;
      const input = byId("form").elements[part];
      input.closest("details").open = true;
      input.setAttribute("aria-invalid", "true");
      input.focus();
    }
    out.replaceChildren();
    pager({});
    byId("tree").replaceChildren();
    say("");
    byId("progress").textContent = "";
    stop.hidden = true;
    return;
  }
  stop.hidden = true;
  byId("progress").textContent = "";
  if (!backwards && answer.end && rows.length < perPage) { // the newest page, and fuller
    history.replaceState(null, "", address({ before: null, after: null }));
    return render();
  }
  list = shown;
  const first = rows[0]?.index, last = rows[rows.length - 1]?.index;
  pager({
    newer: backwards ? params.has("before") && { after: first === undefined ? params.get("before") : first + 1 } : !answer.end && { after: answer.next },
    older: backwards ? !answer.end && { before: answer.next } : last > 0 && { before: last },
  });
  byId("pager-bottom").hidden = rows.length === 0;
  if (rows.length === 0) put(byId("tree"), el("p", {}, "There are no decisions here to draw."));
  else draw(byId("tree"), [...chains.values()], { link: underDelegation, revoked: about?.revoked, more });
  const which = on > 0 ? `that ${rows.length === 1 ? "matches" : "match"} the filters` : `of ${count(answer.size, "entry", "entries")}`;
  if (rows.length === 0) say(stopped ? `Stopped after ${count(looked, "entry", "entries")}; none that match the filters yet. “Older” goes on.` : on > 0 ? "No decision matches the filters." : "The log has no entries yet.");
  else say(`${count(rows.length, "decision", "decisions")} ${which}, ${rows.length > 1 ? "entries" : "entry"} ${first}${rows.length > 1 ? ` to ${last}` : ""}${stopped ? "; stopped before the page was full" : on > 0 && answer.end && backwards && !params.has("before") ? "; these are all" : ""}.`);
}

async function renderEntry(index, params, mine) {
  const view = byId("entry-view");
  byId("list-view").hidden = true;
  view.hidden = false;
  byId("skip-authority").hidden = true;
  view.replaceChildren(el("p", {}, "Looking …"));
  document.title = `Entry ${index} · Audit log ${about?.log ?? ""}`;
  const back = (n) => address({ entry: n }, params);
  try {
    const [now, entry] = await Promise.all([about ?? loadAbout(), ask(`api/entries/${encodeURIComponent(index)}`, abort.signal)]);
    if (mine !== turn) return;
    now.size = Math.max(now.size, entry.proof.size);
    const showing = show(view, entry, now, named, { link: back, delegationLink: underDelegation, say: (text) => { byId("announce").textContent = text; }, current: () => mine === turn });
    byId("entry-title").focus();
    scrollTo(0, 0);
    await showing;
  } catch (e) {
    if (mine !== turn || e.name === "AbortError") return;
    view.replaceChildren(
      el("nav", { class: "pager", "aria-label": "Entries" }, el("a", { href: back(null), "data-nav": true }, "← All decisions")),
      el("h2", { tabindex: "-1", id: "entry-title" }, `Entry ${index}`), el("p", { class: "box wrong", role: "alert" }, e.message),
    );
    byId("entry-title").focus();
  }
}

function render() {
  turn++;
  abort.abort();
  abort = new AbortController();
  const params = new URLSearchParams(location.search);
  const entry = params.get("entry");
  params.delete("entry");
  return entry === null ? renderList(params, turn) : renderEntry(entry, params, turn);
}

async function loadAbout() {
  const now = await ask("api/log");
  about = now;
  byId("origin").textContent = now.log;
  byId("rules").replaceChildren(...now.rules.map((r) => el("option", { value: r.id, label: r.text })));
  const compared = named === "" ? "not compared: open the address that the command line printed" : named === now.key ? "the same as in the address that the command line printed" : "NOT the one in the address that this page was opened by";
  byId("about").replaceChildren(...[
    ["Entries", now.size.toLocaleString("en")], ["Root hash", el("code", {}, now.root)], ["Key", el("code", {}, now.key)], ["Key is from", now.key_from], ["Key compared", compared],
  ].flatMap(([name, text]) => [el("dt", {}, name), el("dd", {}, text)]));
  return now;
}

// watch says when entries came. The list stays as it is until somebody asks for them.
async function watch() {
  if (document.hidden || about === null) return;
  const before = about.size;
  try {
    const now = await loadAbout();
    if (now.size > before) {
      const there = byId("newer-there");
      const came = (Number(there.dataset.came) || 0) + now.size - before;
      there.dataset.came = there.hidden ? now.size - before : came;
      there.textContent = `${count(Number(there.dataset.came), "entry", "entries")} came since. Show the newest`;
      there.href = address({ before: null, after: null, entry: null });
      there.hidden = false;
    }
  } catch {
    // It is said when somebody asks for something.
  }
}

document.addEventListener("click", (event) => {
  const a = event.target.closest?.("a");
  if (!a || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (a.classList.contains("skip")) {
    event.preventDefault();
    const entry = byId("list-view").hidden && byId("entry-title");
    const target = a.id === "skip-authority" ? byId("authority-title") : entry || byId("decisions-title");
    target.focus();
    target.scrollIntoView();
    return;
  }
  if (a.id === "newer-there") list = null;
  else if (!a.hasAttribute("data-nav") || !a.hasAttribute("href")) return;
  event.preventDefault();
  const back = a.dataset.back;
  const done = go(a.getAttribute("href"));
  if (a.hasAttribute("data-page") || a.id === "newer-there") {
    byId("decisions-title").focus();
    byId("decisions-title").scrollIntoView();
  } else if (back !== undefined) {
    done.then(() => {
      const link = document.querySelector(`#row-${CSS.escape(back)} a`) ?? byId("decisions-title");
      link.focus();
      link.scrollIntoView({ block: "center" });
    });
  } else if (!new URL(a.href).searchParams.has("entry")) {
    byId("decisions-title").focus();
    byId("decisions-title").scrollIntoView();
  }
});

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const values = {};
  for (const name of filters) values[name] = byId("form").elements[name].value.trim();
  list = null;
  go(address(values, new URLSearchParams()));
});
byId("clear").addEventListener("click", () => {
  for (const name of filters) byId("form").elements[name].value = "";
  go(address({}, new URLSearchParams()));
});
addEventListener("popstate", render);
document.addEventListener("visibilitychange", watch);

byId("filters").open = Object.keys(asked(new URLSearchParams(location.search))).length > 0;
setInterval(watch, lookEvery);
await loadAbout().catch((e) => problem(e.message));
await render();
document.documentElement.dataset.ready = "true";
