// The proof that an entry is in the log, checked here: RFC 6962 hashes (https://c2sp.org/tlog-tiles), the checkpoint
// (https://c2sp.org/tlog-checkpoint) and its signature (https://c2sp.org/signed-note).

const utf8 = new TextEncoder();

function bytesOf(base64) {
  const text = atob(base64);
  const out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
  if (btoa(text) !== base64) throw new Error("it is not in canonical base64");
  return out;
}

function join(...parts) {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

const same = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);
const sha256 = async (b) => new Uint8Array(await crypto.subtle.digest("SHA-256", b));
const leafHash = (entry) => sha256(join(Uint8Array.of(0), entry));
const nodeHash = (left, right) => sha256(join(Uint8Array.of(1), left, right));

// rootFrom is the root hash to which hashes lead from a leaf (RFC 9162, 2.1.3.2).
export async function rootFrom(leaf, index, size, hashes) {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) throw new Error("there is no such entry in a log of that size");
  let first = index, last = size - 1, hash = leaf;
  for (const other of hashes) {
    if (last === 0) throw new Error("there are more hashes than lead to the top");
    if (first % 2 === 1 || first === last) {
      hash = await nodeHash(other, hash);
      while (first % 2 === 0 && first !== 0) {
        first = Math.floor(first / 2);
        last = Math.floor(last / 2);
      }
    } else {
      hash = await nodeHash(hash, other);
    }
    first = Math.floor(first / 2);
    last = Math.floor(last / 2);
  }
  if (last !== 0) throw new Error("there are fewer hashes than lead to the top");
  return hash;
}

// parseCheckpoint reads a signed checkpoint: what was signed, what it says, and the signatures.
export function parseCheckpoint(signed) {
  const at = signed.lastIndexOf("\n\n");
  if (at < 0 || !signed.endsWith("\n")) throw new Error("it is no signed note");
  const text = signed.slice(0, at + 1);
  const lines = text.split("\n");
  if (lines.length !== 4 || !/^(0|[1-9][0-9]{0,14})$/.test(lines[1])) throw new Error("it does not have the three lines of a checkpoint");
  const signatures = signed.slice(at + 2, -1).split("\n").map((line) => {
    const m = /^\u2014 (\S+) (\S+)$/.exec(line);
    if (!m) throw new Error("it has a line that is no signature");
    return { name: m[1], bytes: bytesOf(m[2]) };
  });
  return { text, origin: lines[0], size: Number(lines[1]), root: bytesOf(lines[2]), signatures };
}

// parseKey reads a verifier key: "name+hash+base64".
export async function parseKey(text) {
  const [name, hash, ...rest] = text.split("+");
  const raw = bytesOf(rest.join("+"));
  if (raw.length !== 33 || raw[0] !== 1) throw new Error("it is no Ed25519 key");
  const id = (await sha256(join(utf8.encode(name + "\n"), raw))).slice(0, 4);
  if ([...id].map((b) => b.toString(16).padStart(2, "0")).join("") !== hash) throw new Error("its parts do not belong together");
  return { name, id, raw: raw.slice(1) };
}

// isSigned tells whether a key signed a checkpoint; undefined where this browser has no Ed25519.
export async function isSigned(checkpoint, key) {
  const own = checkpoint.signatures.filter((s) => s.name === key.name && s.bytes.length === 68 && same(s.bytes.slice(0, 4), key.id));
  if (own.length === 0 || checkpoint.origin !== key.name) return false;
  let imported;
  try {
    imported = await crypto.subtle.importKey("raw", key.raw, { name: "Ed25519" }, false, ["verify"]);
  } catch {
    return undefined;
  }
  return crypto.subtle.verify({ name: "Ed25519" }, imported, own[0].bytes.slice(4), utf8.encode(checkpoint.text));
}

// check checks all of it. Each step is "ok", "wrong" or "part" (not checked), and the worst of them counts.
//   proof   the entry's bytes, its index, the hashes and the checkpoint, as the server hands them over
//   shown   what this page shows of the entry: index, id, time, verdict
//   key     the log's key, as the server says
//   named   the key in the address that the command line printed; "" for none
export async function check(proof, shown, key, named) {
  const steps = [];
  const step = (state, title, text) => steps.push({ state, title, text });
  const result = (text) => {
    const state = steps.some((s) => s.state === "wrong") ? "wrong" : steps.some((s) => s.state === "part") ? "part" : "ok";
    return { state, steps, text };
  };
  if (!globalThis.crypto?.subtle) {
    step("part", "Nothing", "A browser offers its means to check only to pages that come from this machine (127.0.0.1, localhost) or over https. Download the receipt, and check it with remit verify.");
    return result();
  }

  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytesOf(proof.entry));
    const entry = JSON.parse(text);
    const differs = ["id", "time", "verdict"].filter((name) => entry[name] !== shown[name]);
    if (proof.index !== shown.index) differs.push("number");
    if (differs.length > 0) step("wrong", "What is shown", `The ${differs.join(", ")} on this page ${differs.length === 1 ? "is" : "are"} not what the entry says.`);
    else step("ok", "What is shown", "Number, id, time and verdict on this page are those of the entry whose bytes are checked below.");
  } catch (e) {
    step("wrong", "What is shown", `The entry cannot be read: ${e.message}.`);
  }

  let checkpoint;
  try {
    checkpoint = parseCheckpoint(proof.checkpoint);
    const leaf = await leafHash(bytesOf(proof.entry));
    const root = await rootFrom(leaf, proof.index, checkpoint.size, proof.hashes.map(bytesOf));
    if (same(root, checkpoint.root)) {
      step("ok", "Entry in the log", `Hashed again here (SHA-256), entry ${proof.index} leads by ${proof.hashes.length} ${proof.hashes.length === 1 ? "hash" : "hashes"} to the one root hash of all ${checkpoint.size.toLocaleString("en")} entries. One changed character would lead elsewhere.`);
    } else {
      step("wrong", "Entry in the log", "Hashed again here (SHA-256), the entry does not lead to the root hash of the log. It is not in the log as it is shown: it was altered, moved, or never there.");
    }
  } catch (e) {
    step("wrong", "Entry in the log", `The proof cannot be read: ${e.message}.`);
  }

  try {
    const parsed = await parseKey(key);
    const signed = checkpoint && (await isSigned(checkpoint, parsed));
    if (signed === undefined) {
      step("part", "Signature", checkpoint ? "This browser cannot check Ed25519 signatures. The program that serves this page did." : "There is no checkpoint whose signature could be checked.");
    } else if (signed) {
      step("ok", "Signature", "The root hash is signed (Ed25519) by the log's key below.");
    } else {
      step("wrong", "Signature", "The root hash is not signed by the log's key below.");
    }
    if (!named) step("part", "Key", "Not compared. Open the address that the command line printed, which carries the key, or compare the key below with what whoever runs the log publishes.");
    else if (named === key) step("ok", "Key", "It is the key in the address that the command line printed.");
    else step("wrong", "Key", "It is not the key in the address that this page was opened by. Either that address is of another log, or this is not the program that printed it.");
  } catch (e) {
    step("wrong", "Key", `The log's key cannot be read: ${e.message}.`);
  }
  return result(text);
}
