// One entry, with all that it says and its proof.

import { chip, count, el, put } from "./dom.js";
import { check } from "./proof.js";
import { draw } from "./tree.js";

const words = { ok: "Proof checked", wrong: "Proof wrong", part: "Proof checked in part" };
const stepWords = { ok: "checked", wrong: "wrong", part: "not checked" };
const meaning = {
  ok: "Your browser worked it out itself: exactly this entry is in the log that is signed by the key below.",
  part: "What your browser could check holds. See below what it did not check.",
  wrong: "Do not rely on this entry. Keep what you see, and tell whoever runs the log.",
};

// plain shows text with an escape for all but printable ASCII: what is hidden in it can be seen.
const plain = (text) => text.replace(/[^\x20-\x7e\n]/g, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));

function raw(text) {
  try {
    return plain(JSON.stringify(JSON.parse(text), null, 2));
  } catch {
    return plain(text ?? "");
  }
}

function section(title, ...children) {
  return el("section", {}, el("h3", {}, title), children);
}

// show puts the entry into the page and checks its proof. say tells a screen reader of what came of that.
export async function show(into, entry, about, named, { link, delegationLink, say, current }) {
  const proofBox = el("div", { class: "box part", id: "proof" }, el("p", { class: "verdictline" }, "Your browser checks the proof …"));
  const rawBox = el("pre", { tabindex: "0", "aria-label": "The entry as JSON" });
  const tree = el("div", {});
  const nav = el("nav", { class: "pager", "aria-label": "Entries" },
    el("a", { href: link(null), "data-nav": true, "data-back": String(entry.index) }, "← All decisions"),
    el("a", { href: entry.index > 0 ? link(entry.index - 1) : null, "data-nav": true, "aria-disabled": entry.index > 0 ? null : "true", role: entry.index > 0 ? null : "link" }, "Entry before"),
    el("a", { href: entry.index + 1 < about.size ? link(entry.index + 1) : null, "data-nav": true, "aria-disabled": entry.index + 1 < about.size ? null : "true", role: entry.index + 1 < about.size ? null : "link" }, "Entry after"),
  );
  const gates = entry.gates.map((g) => el("li", {}, g.text));
  put(into,
    nav,
    el("h2", { tabindex: "-1", id: "entry-title" }, `Entry ${entry.index}`),
    el("p", { class: "sentence big" }, entry.sentence),
    el("p", {}, chip(entry.verdict, entry.word), " ", el("time", { datetime: entry.time }, entry.at), entry.blocked ? ` · ${entry.blocked}` : ""),
    !entry.attested && el("div", { class: "box part" }, el("p", { class: "verdictline" }, "Unattested"), el("p", {}, "Nobody vouches that this comes from the place that it names. It says what somebody claims, and is no evidence of anything else.")),
    section("Proof that it is in the log", proofBox),
    section("What was found",
      entry.findings.length === 0 ? el("p", {}, "Nothing: no rule had an objection or a remark.")
        : el("ul", { class: "plain" }, entry.findings.map((f) => el("li", {}, el("code", {}, f.rule), ` (${f.effect}${f.count > 1 ? `, ${f.count} times` : ""})`, f.text ? `: ${f.text}` : ""))),
    ),
    section("What was asked for",
      el("ol", { class: "acts" }, entry.acts.map((a) => el("li", {}, a.text, " ", chip(a.verdict, a.word),
        a.rules.length > 0 && el("div", {}, "Rules: ", a.rules.join(", ")),
        a.paths.length > 0 && el("div", {}, "Files: ", a.paths.map((p, i) => [i > 0 ? ", " : "", el("code", {}, p)]), a.cut_paths > 0 ? ` and ${a.cut_paths} more that the entry leaves out` : ""),
        a.key && el("div", { class: "hint" }, `Key ${a.key}${a.evidence ? `, by ${a.evidence}` : ""}${a.seen ? `; seen ${a.seen}` : ""}`),
      ))),
      entry.cut_acts > 0 && el("p", {}, `And ${count(entry.cut_acts, "more", "more")}, left out of the entry.`),
    ),
    section("Approvals", gates.length === 0 ? el("p", {}, "None were asked for.") : el("ul", { class: "plain" }, gates)),
    section("On whose authority", tree, authority(entry)),
    section("Details", el("dl", {}, entry.facts.filter((f) => f.name !== "findings").map((f) => [el("dt", {}, f.name), el("dd", {}, f.text)]))),
    section("Take it with you",
      el("p", {}, el("a", { href: `api/entries/${entry.index}/receipt`, download: `entry-${entry.index}.tlog-proof` }, "Download the receipt"),
        ": the entry with its proof in one file. ", el("code", {}, `remit verify entry-${entry.index}.tlog-proof`), " checks it anywhere, without this log."),
      el("p", {}, el("a", { href: `api/entries/${entry.index}/json`, download: `entry-${entry.index}.json` }, "Download the entry as JSON"), ": the bytes that the proof is over."),
      el("details", {}, el("summary", {}, "Show the entry as JSON"), el("p", { class: "hint" }, "Made from the bytes that your browser checked, with an escape for each character that is not plain ASCII."), rawBox),
    ),
  );
  draw(tree, entry.all_chains, { link: delegationLink, revoked: about.revoked, more: 0 });

  const result = await check(entry.proof, entry, about.key, named);
  if (!current()) return;
  rawBox.textContent = raw(result.text);
  proofBox.className = `box ${result.state}`;
  put(proofBox,
    el("p", { class: "verdictline" }, chip(result.state, words[result.state])),
    el("p", {}, meaning[result.state]),
    el("ul", { class: "steps" }, result.steps.map((s) => el("li", {}, chip(s.state, stepWords[s.state]), el("span", {}, el("strong", {}, s.title), ": ", s.text)))),
    el("p", { class: "hint" }, "Key that your browser trusts here: ", el("code", {}, about.key), ` (${about.key_from})`),
  );
  say(`Entry ${entry.index}: ${words[result.state].toLowerCase()}.`);
}

function authority(entry) {
  const { faults, held, absent } = entry.authority;
  if (faults.length > 0) {
    return el("div", { class: "box wrong" }, el("p", { class: "verdictline" }, "The delegations do not bear what was allowed"), el("ul", { class: "plain" }, faults.map((f) => el("li", {}, f))));
  }
  if (held > 0) return el("p", { class: "hint" }, `The signed delegations are kept in the log${absent > 0 ? `, but for ${absent} on which nothing was allowed` : ""}. The program that serves this page checked that they are signed and follow from each other; your browser did not.`);
  if (absent > 0) return el("p", { class: "hint" }, "The log does not have these delegations, and nothing that is vouched for was allowed on them.");
  return null;
}
