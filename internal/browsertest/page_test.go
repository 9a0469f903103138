package browsertest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/remit-sh/remit/audit/audittest"
	"github.com/remit-sh/remit/audit/export"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
	"github.com/remit-sh/remit/audit/query"
)

// looks are the ways in which people look at a page.
var looks = []struct {
	name          string
	dark          bool
	width, height int64
}{
	{"light", false, 1280, 900},
	{"dark", true, 1280, 900},
	{"narrow", false, 360, 740},
	{"narrow-dark", true, 360, 740},
}

func (b *tab) fits(what string) {
	b.Helper()
	if wide := eval[int](b, "document.documentElement.scrollWidth - document.documentElement.clientWidth"); wide > 0 {
		b.Errorf("%s: it is %d pixels wider than the screen", what, wide)
	}
}

// TestLooks: the page in light, in the dark and on a small screen, without barriers in any.
func TestLooks(t *testing.T) {
	b := open(t)
	at := story(t, nil)
	backgrounds := map[string]bool{}
	for _, look := range looks {
		b.dark(look.dark)
		b.do(chromedp.EmulateViewport(look.width, look.height))
		b.visit(at + "?human=alice")
		b.wantText("#status", "6 decisions that match the filters, entries 6 to 0; these are all.")
		b.screen(look.name+"-filtered", true)
		b.barriers(look.name + ", filtered")
		b.fits(look.name + ", filtered")
		b.visit(at)
		b.wantText("#status", "9 decisions of 9 entries")
		b.screen(look.name+"-list", true)
		b.barriers(look.name + ", list")
		b.fits(look.name + ", list")
		b.visit(at + "?entry=5")
		b.until("document.querySelector('#proof .steps')")
		b.do(chromedp.Click("#entry-view summary"))
		b.screen(look.name+"-entry", true)
		b.barriers(look.name + ", entry")
		b.fits(look.name + ", entry")
		backgrounds[eval[string](b, "getComputedStyle(document.body).backgroundColor")] = true
	}
	if len(backgrounds) != 2 {
		t.Errorf("dark and light look the same: %v", backgrounds)
	}
	b.quiet()
}

// TestList: sentences, the picture and its list, filters that stay in the address, and the way back.
func TestList(t *testing.T) {
	b := open(t)
	at := story(t, nil)
	b.visit(at)
	b.wantText("#entries li:last-child", `coder, delegated by planner for alice, changed src/cart.go and one more file for "SHOP-1412: pay by card": allowed`, "Entry 0", "2026-11-22 14:01:00 UTC")
	b.wantText("#row-6", "unattested")
	b.wantText("#tree .tree", "alice (human)", "planner (agent)", "coder (agent)", "expired", "SHOP-1412: pay by card")
	nodes := eval[string](b, "[...document.querySelectorAll('#tree svg .name')].map((n) => n.textContent).join(' ')")
	if nodes != "bob bot alice mallory planner coder" {
		t.Errorf("the picture has %s", nodes)
	}
	if below := eval[bool](b, `(() => { const y = (name) => [...document.querySelectorAll('#tree svg .name')].find((n) => n.textContent === name).getBoundingClientRect().y;
		return y('alice') < y('planner') && y('planner') < y('coder') && y('alice') === y('bob'); })()`); !below {
		t.Error("humans are not at the top, with their agents below")
	}
	b.do(chromedp.Click("#filters summary"), chromedp.SetValue("#f-verdict", "deny"), chromedp.SendKeys("#f-agent", "coder"), chromedp.Click("#form button.primary"))
	b.until("document.querySelector('#status').innerText.startsWith('1 decision that matches')")
	if where := eval[string](b, "location.search"); where != "?agent=coder&verdict=deny" {
		t.Errorf("the address has %s", where)
	}
	b.do(chromedp.Reload())
	b.until(ready)
	b.wantText("#entries", "scope-path")
	b.wantText("#filters-on", "2 in use")
	b.do(chromedp.Click("#entries a"))
	b.until("document.querySelector('#proof .steps')")
	b.wantText("#entry-view", "Entry 1", "A change touches only the paths of the delegation.", "deploy/production/app.yaml", "sha256:823412d1eacb67956220e532959f0104603057c88704863ca38e7cd188fda812 from main")
	b.wantText("#proof", "Proof checked", "It is the key in the address that the command line printed.", "leads by 4 hashes to the one root hash of all 9 entries", audittest.Key(t))
	b.do(chromedp.NavigateBack())
	b.until("!document.querySelector('#list-view').hidden")
	if n := eval[int](b, "document.querySelectorAll('#entries li').length"); n != 1 {
		t.Errorf("%d entries after the way back", n)
	}
	b.do(chromedp.SetValue("#f-since", "soon"), chromedp.Click("#form button.primary"))
	b.until("!document.querySelector('#problem').hidden")
	b.wantText("#problem", "since", "soon", "is no point in time")
	if focus := eval[string](b, "document.activeElement.id"); focus != "f-since" {
		t.Errorf("the focus is on %s", focus)
	}
	b.do(chromedp.Click("#clear"))
	b.until("document.querySelectorAll('#entries li').length === 9")
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, text := range b.said {
		if !strings.Contains(text, "400") { // the wrong filter's
			t.Errorf("on the console: %s", text)
		}
	}
}

// TestKeyboard: everything is reached and done by keys alone, in an order that makes sense, with a focus that is seen, and
// nothing holds it.
func TestKeyboard(t *testing.T) {
	b := open(t)
	b.visit(story(t, nil))
	focus := func() string {
		return eval[string](b, `(() => { const e = document.activeElement; return e === document.body ? "body" : (e.getAttribute("aria-label") || e.innerText || e.id || e.tagName).split("\n")[0]; })()`)
	}
	var order []string
	for range 60 {
		b.do(chromedp.KeyEvent(kb.Tab))
		at := focus()
		if at == "body" {
			break
		}
		order = append(order, at)
		if seen := eval[bool](b, `(() => { const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
			return s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2 && r.width > 0 && r.left >= 0; })()`); !seen {
			t.Errorf("on %q the focus is not seen", at)
		}
	}
	text := strings.Join(order, " | ")
	if last := -1; len(order) > 50 {
		t.Errorf("the focus does not leave the page: %s", text)
	} else {
		for _, want := range []string{"Skip to the decisions", "Skip to who gave authority", "Filters", "could not be decided", "changed src/cart.go", "Picture of the delegations", "sha256:"} {
			at := strings.Index(text, want)
			if at <= last {
				t.Errorf("%q does not come in its order: %s", want, text)
			}
			last = at
		}
	}

	// The skip link, then the first decision, its proof, and back to where one was.
	b.do(chromedp.Evaluate[chromedp.Void]("document.activeElement.blur(); scrollTo(0, 0)"), chromedp.Reload())
	b.until(ready)
	b.do(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	if at := focus(); !strings.HasPrefix(at, "Decisions") {
		t.Errorf("the skip link leads to %q", at)
	}
	b.do(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	b.until("document.querySelector('#proof .steps')")
	if at := focus(); at != "Entry 7" {
		t.Errorf("in the entry the focus is on %q", at)
	}
	b.until("document.querySelector('#announce').innerText === 'Entry 7: proof checked.'")
	b.do(chromedp.KeyEvent(kb.Tab, chromedp.KeyModifiers(8)), chromedp.KeyEvent(kb.Tab, chromedp.KeyModifiers(8)), chromedp.KeyEvent(kb.Tab, chromedp.KeyModifiers(8)), chromedp.KeyEvent(kb.Enter))
	b.until("!document.querySelector('#list-view').hidden")
	b.until("document.activeElement.closest('#row-7')")

	// Filters: open, choose, ask.
	b.do(chromedp.Focus("#filters summary"), chromedp.KeyEvent(kb.Enter), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent("coder"), chromedp.KeyEvent(kb.Enter))
	b.until("document.querySelectorAll('#entries li').length === 4")
	if live := eval[string](b, "document.querySelector('#status').getAttribute('role') + document.querySelector('#problem').getAttribute('role')"); live != "statusalert" {
		t.Errorf("what changes is not told: %s", live)
	}
	b.quiet()
}

// changed changes answers to a path.
func changed(path string, change func([]byte) []byte) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != path {
				h.ServeHTTP(w, r)
				return
			}
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, r)
			for name, values := range rec.Header() {
				w.Header()[name] = values
			}
			body := change(rec.Body.Bytes())
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			w.WriteHeader(rec.Code)
			_, _ = w.Write(body)
		})
	}
}

func replaced(before, after string) func([]byte) []byte {
	return func(b []byte) []byte {
		if !bytes.Contains(b, []byte(before)) {
			panic(before + " is not in " + string(b))
		}
		return bytes.Replace(b, []byte(before), []byte(after), 1)
	}
}

// TestTampered: whatever of an entry or its proof is another, the browser says that it is wrong, and what.
func TestTampered(t *testing.T) {
	b := open(t)
	entries, _ := audittest.Story(t)
	leaf, err := entries[1].Encode()
	if err != nil {
		t.Fatal(err)
	}
	forged := bytes.Replace(leaf, []byte("deploy/production/app.yaml"), []byte("deploy/production/app.yamk"), 1)
	own, other := base64.StdEncoding.EncodeToString(leaf), base64.StdEncoding.EncodeToString(forged)
	const path = "/api/entries/1"
	hash := func(b []byte) []byte { // the first of the proof is turned
		at := bytes.Index(b, []byte(`"hashes":["`)) + len(`"hashes":["`)
		c := bytes.Clone(b)
		if c[at] == 'A' {
			c[at] = 'B'
		} else {
			c[at] = 'A'
		}
		return c
	}
	for _, tt := range []struct {
		name, path, step, say string
		change                func([]byte) []byte
	}{
		{"nothing", path, "", "", func(b []byte) []byte { return b }},
		{"the entry", path, "Entry in the log", "does not lead to the root hash", replaced(own, other)},
		{"a hash", path, "Entry in the log", "does not lead to the root hash", hash},
		{"its index", path, "Entry in the log", "does not lead to the root hash", replaced(`"proof":{"entry":"`+own+`","index":1`, `"proof":{"entry":"`+own+`","index":2`)},
		{"no hashes", path, "Entry in the log", "fewer hashes", func(b []byte) []byte {
			from := bytes.Index(b, []byte(`"hashes":[`)) + len(`"hashes":[`)
			return append(bytes.Clone(b[:from]), b[from+bytes.IndexByte(b[from:], ']'):]...)
		}},
		{"the size that is signed", path, "Signature", "not signed by", replaced(`audit\n9\n`, `audit\n8\n`)},
		{"the verdict that is shown", path, "What is shown", "verdict on this page is not", replaced(`"verdict":"deny"`, `"verdict":"allow"`)},
		{"the time that is shown", path, "What is shown", "time on this page is not", replaced(`"time":"2026-11-22T14:02:00Z"`, `"time":"2026-11-22T14:02:01Z"`)},
		{"the key, by its signature", "/api/log", "Signature", "not signed by", replaced(audittest.Key(t), otherKey(t))},
		{"the key", "/api/log", "Key", "not the key in the address", replaced(audittest.Key(t), otherKey(t))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b.TB = t
			b.visit(story(t, changed(tt.path, tt.change)) + "?entry=1")
			b.until("document.querySelector('#proof .steps')")
			whole := b.text("#proof .verdictline")
			if tt.step == "" {
				if !strings.Contains(whole, "Proof checked") || strings.Contains(whole, "in part") {
					t.Errorf("it says %q", whole)
				}
				return
			}
			if !strings.Contains(whole, "Proof wrong") {
				t.Errorf("it says %q", whole)
			}
			step := eval[string](b, fmt.Sprintf("[...document.querySelectorAll('#proof .steps .wrong')].map((e) => e.parentElement.innerText).find((s) => s.includes(%q)) ?? ''", tt.step))
			if !strings.Contains(step, tt.say) {
				t.Errorf("it does not say %q of %s:\n%s", tt.say, tt.step, b.text("#proof"))
			}
			b.screen("tampered-"+strings.ReplaceAll(tt.name, " ", "-"), false)
		})
	}
}

// otherKey is a key of a log of the same name that did not sign it.
func otherKey(t *testing.T) string {
	t.Helper()
	key, err := log.VerifierKey(logtest.Origin, logtest.Key(t, "other").SSHPublicKey())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestUnchecked: what a browser cannot check, or had nothing to compare with, is said to be unchecked, and never checked.
func TestUnchecked(t *testing.T) {
	at := story(t, nil) + "?entry=1"
	for _, tt := range []struct {
		name, before, step, say string
		key                     bool
	}{
		{"no key in the address", "", "Key", "Not compared", false},
		{"no Ed25519", `SubtleCrypto.prototype.importKey = () => Promise.reject(new DOMException("no", "NotSupportedError"))`, "Signature", "This browser cannot check Ed25519", true},
		{"no WebCrypto", `Object.defineProperty(Crypto.prototype, "subtle", { value: undefined })`, "Nothing", "only to pages that come from this machine", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := open(t)
			if tt.before != "" {
				if _, err := chromedp.Call(b.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: tt.before}); err != nil {
					t.Fatal(err)
				}
			}
			if tt.key {
				b.visit(at)
			} else {
				b.do(chromedp.Navigate(at))
				b.until(ready)
			}
			b.until("document.querySelector('#proof .steps')")
			b.wantText("#proof .verdictline", "Proof checked in part")
			unchecked := eval[string](b, "[...document.querySelectorAll('#proof .steps .part')].map((e) => e.parentElement.innerText).join('')")
			if !strings.Contains(unchecked, tt.step) || !strings.Contains(unchecked, tt.say) {
				t.Errorf("it says %s", b.text("#proof"))
			}
			b.quiet()
		})
	}
}

// acts is what a hostile text would have done by.
const acts = `document.querySelectorAll("main script, main img, main iframe, main b, main i, main [onerror], main [onclick], main [style]").length + (globalThis.own ? 1 : 0)`

// TestHostile: what agents wrote is text, in the list, in the picture, in an entry and in an export, and nothing else.
func TestHostile(t *testing.T) {
	b := open(t)
	if _, err := chromedp.Call(b.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: "globalThis.alert = () => { globalThis.own = true; }"}); err != nil {
		t.Fatal(err)
	}
	at := story(t, nil)
	b.visit(at)
	b.wantText("#row-6", "<script>alert(1)</script><img src=x onerror=alert(1)>")
	b.wantText("#tree", "<b>")
	for _, view := range []string{"", "?entry=6", "?entry=7", "?path=%3Cimg+src%3Dx+onerror%3Dalert(1)%3E", "?agent=%3Cscript%3Ealert(1)%3C/script%3E", "?entry=%3Cscript%3Ealert(1)%3C/script%3E"} {
		b.visit(at + view)
		if strings.HasPrefix(view, "?entry=6") || strings.HasPrefix(view, "?entry=7") {
			b.until("document.querySelector('#proof .steps')")
			b.wantText("#proof", "Proof checked")
			b.do(chromedp.Click("#entry-view summary"))
			b.wantText("#entry-view pre", `\u202e`)
			b.screen("hostile-"+view[7:], true)
		}
		if n := eval[int](b, acts); n != 0 {
			t.Errorf("%q: %d elements are made of text", view, n)
		}
		for _, r := range eval[string](b, "document.body.innerText + [...document.querySelectorAll('svg title')].map((n) => n.textContent).join('')") {
			if strings.ContainsRune("\u202e\u2066\u200b\u009b\x1b\a", r) {
				t.Errorf("%q: %U is shown as it is", view, r)
			}
		}
	}
	// And the page could not, if it wanted to.
	for _, way := range []string{
		`document.querySelector("main").innerHTML = "<b>x</b>"`,
		`document.head.append(Object.assign(document.createElement("script"), { src: "data:text/javascript,1" }))`,
	} {
		if failed := eval[bool](b, "(() => { try { "+way+"; return false; } catch { return true; } })()"); !failed {
			t.Errorf("the page can do %s", way)
		}
	}
}

// TestMany: a log of 100,000 entries: the newest page, a deep one, a filter that matches little, and one that is stopped.
func TestMany(t *testing.T) {
	store := &logtest.Memory{}
	at := served(t, audittest.Fill(t, store, audittest.Many(t, 0, 100_000)), nil)
	b := open(t)
	took := func(what string, f func()) {
		began := time.Now()
		f()
		t.Logf("%s: %v", what, time.Since(began).Round(time.Millisecond))
	}
	took("the first page", func() {
		b.visit(at)
		b.wantText("#status", "50 decisions of 100,000 entries, entries 99999 to 99950")
	})
	b.screen("many", false)
	took("an older page", func() {
		b.do(chromedp.Click("#pager-top a:nth-child(3)"))
		b.until("document.querySelector('#status').innerText.includes('entries 99949 to 99900')")
	})
	took("the oldest page", func() {
		b.do(chromedp.Click("#pager-top a:nth-child(4)"))
		b.until("document.querySelector('#status').innerText.includes('entries 49 to 0')")
	})
	took("a deep page", func() {
		b.visit(at + "?before=50000")
		b.wantText("#status", "entries 49999 to 49950")
	})
	took("a newer page", func() {
		b.do(chromedp.Click("#pager-top a:nth-child(2)"))
		b.until("document.querySelector('#status').innerText.includes('entries 50049 to 50000')")
	})
	took("an entry with its proof", func() {
		b.do(chromedp.Click("#row-50010 a"))
		b.until("document.querySelector('#proof .steps')")
		b.wantText("#proof", "Proof checked", "by 17 hashes")
	})
	took("a filter that matches little", func() {
		b.visit(at + "?commit=" + audittest.Commit(77))
		b.wantText("#status", "1 decision that matches the filters, entry 77; these are all.")
	})
	b.do(chromedp.Navigate(at + "?rule=unsigned"))
	b.until("!document.querySelector('#stop').hidden")
	b.do(chromedp.Click("#stop"))
	b.until("document.querySelector('#status').innerText.startsWith('Stopped after')")
	b.screen("many-stopped", false)
	b.do(chromedp.Click("#pager-top a:nth-child(3)")) // on from there
	b.until("document.querySelector('#status').innerText.includes('No decision')")

	b.visit(at)
	audittest.Grow(t, store, audittest.Many(t, 100_000, 100_003))
	b.do(chromedp.Evaluate[chromedp.Void]("document.dispatchEvent(new Event('visibilitychange'))"))
	b.until("!document.querySelector('#newer-there').hidden")
	b.wantText("#newer-there", "3 entries came since")
	b.do(chromedp.Click("#newer-there"))
	b.until("document.querySelector('#status').innerText.includes('entries 100002 to 99953')")
	b.quiet()
}

// TestExport: the page that remit audit export writes, which has no script.
func TestExport(t *testing.T) {
	b := open(t)
	entries, chains := audittest.Story(t)
	r, err := audittest.Fill(t, &logtest.Memory{}, entries, chains...).Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := export.New(export.HTML, &out, export.About{Checkpoint: r.Checkpoint(), Key: audittest.Key(t), At: audittest.Start().Add(time.Hour), Tool: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	err = query.Each(t.Context(), r, &query.Filter{}, query.Order{}, func(f *query.Found) error {
		receipt, err := r.Receipt(t.Context(), f.Index, f.Bytes)
		if err != nil {
			return err
		}
		return w.Add(export.Item{Found: f, Receipt: receipt})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "log.html")
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, look := range looks {
		b.dark(look.dark)
		b.do(chromedp.EmulateViewport(look.width, look.height), chromedp.Navigate("file://"+file))
		b.wantText("table", "mallory", "coder, delegated by planner for alice, changed src/cart.go")
		b.do(chromedp.Evaluate[chromedp.Void]("document.querySelectorAll('details')[4].open = true"))
		b.screen("export-"+look.name, true)
		b.barriers("export, " + look.name)
		b.fits("export, " + look.name)
		if n := eval[int](b, acts); n != 0 {
			t.Errorf("%d elements are made of text", n)
		}
	}
	b.quiet()
}
