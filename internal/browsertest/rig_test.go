package browsertest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/remit-sh/remit/audit/audittest"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
	"github.com/remit-sh/remit/audit/web"
)

// How long a test waits for what must come, and how long it may take as a whole. None waits that long but to fail.
const (
	patience  = 40 * time.Second
	wholeTest = 4 * time.Minute
)

// browser is where the tests open tabs; nil without a browser.
var browser context.Context

func TestMain(m *testing.M) {
	os.Exit(func() int {
		for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
			path, err := exec.LookPath(name)
			if err != nil {
				continue
			}
			options := append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...)
			options = append(options, chromedp.ExecPath(path), chromedp.WindowSize(1280, 900))
			if os.Geteuid() == 0 {
				options = append(options, chromedp.NoSandbox)
			}
			allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
			defer stop()
			ctx, end := chromedp.NewContext(allocator)
			defer end()
			if err := chromedp.Do(ctx); err != nil {
				fmt.Fprintln(os.Stderr, "starting", path+":", err)
				return 1
			}
			browser = ctx
			break
		}
		return m.Run()
	}())
}

// tab is a tab of the browser.
type tab struct {
	testing.TB

	ctx  context.Context
	mu   sync.Mutex
	said []string // errors on the console
}

// open opens a tab.
func open(t testing.TB) *tab {
	t.Helper()
	if browser == nil {
		if os.Getenv("REMIT_CI") == "1" {
			t.Fatal("there is no chromium, and CI must not skip")
		}
		t.Skip("there is no chromium here")
	}
	ctx, end := chromedp.NewContext(browser)
	t.Cleanup(end)
	ctx, stop := context.WithTimeout(ctx, wholeTest)
	t.Cleanup(stop)
	out := &tab{TB: t, ctx: ctx}
	console := chromedp.Console(ctx)
	go func() {
		for m, err := range console {
			if err != nil {
				return
			}
			if m.IsException() || m.Type == "error" {
				out.mu.Lock()
				out.said = append(out.said, m.String())
				out.mu.Unlock()
			}
		}
	}()
	return out
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.Fatal(err)
	}
}

// eval is the value of an expression, whose promise is waited for.
func eval[T any](b *tab, expression string) T {
	b.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits until an expression is true.
func (b *tab) until(expression string) {
	b.Helper()
	end := time.Now().Add(patience)
	for {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if err == nil && ok {
			return
		}
		if b.ctx.Err() != nil || time.Now().After(end) {
			b.Fatalf("%s never came: %v", expression, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// text is what a person sees of an element.
func (b *tab) text(selector string) string {
	b.Helper()
	return eval[string](b, fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector))
}

func (b *tab) wantText(selector string, wants ...string) {
	b.Helper()
	got := b.text(selector)
	for _, want := range wants {
		if !strings.Contains(got, want) {
			b.Errorf("%s does not say %q: %s", selector, want, got)
		}
	}
}

// quiet holds that nothing was said on the console.
func (b *tab) quiet() {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, text := range b.said {
		b.Errorf("on the console: %s", text)
	}
}

// dark and narrow are how somebody looks at a page.
func (b *tab) dark(on bool) {
	b.Helper()
	scheme := "light"
	if on {
		scheme = "dark"
	}
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	if err != nil {
		b.Fatal(err)
	}
}

// screen keeps a picture of the page in the folder $REMIT_SCREENS, if that is set, for people to look at.
func (b *tab) screen(name string, whole bool) {
	b.Helper()
	dir := os.Getenv("REMIT_SCREENS")
	if dir == "" {
		return
	}
	take := chromedp.CaptureScreenshot()
	if whole {
		take = chromedp.FullScreenshot(100)
	}
	png, err := chromedp.Run(b.ctx, take)
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		b.Fatal(err)
	}
}

// barriers holds that axe finds none for people who cannot see the page, or not well, by WCAG AA.
func (b *tab) barriers(what string) {
	b.Helper()
	source, err := os.ReadFile("../../.ci/browsertools/node_modules/axe-core/axe.min.js")
	if errors.Is(err, os.ErrNotExist) && os.Getenv("REMIT_CI") != "1" {
		b.Log("axe is not installed (npm ci --prefix .ci/browsertools --ignore-scripts): barriers are not looked for")
		return
	}
	if err != nil {
		b.Fatal(err)
	}
	b.do(chromedp.Evaluate[chromedp.Void]("if (!globalThis.axe) {" + string(source) + "}"))
	found := eval[[]string](b, `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then((r) => {
		const list = r.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + v.help + ": " + n.html.slice(0, 200) + " " + (n.any[0]?.message ?? "")));
		return r.passes.length > 10 ? list : list.concat("nearly nothing was looked at");
	})`)
	for _, text := range found {
		b.Errorf("%s: %s", what, text)
	}
}

// served is the page of a log; change may stand between page and server.
func served(t testing.TB, l *log.Log, change func(http.Handler) http.Handler) string {
	t.Helper()
	s, err := web.New(web.Config{
		Log: l, Key: audittest.Key(t), KeyFrom: "named by the test", Now: func() time.Time { return audittest.Start().Add(15 * time.Minute) },
		Failed: func(err error) { t.Errorf("not answered: %v", err) },
		Rules:  map[string]string{"scope-path": "A change touches only the paths of the delegation."},
	})
	if err != nil {
		t.Fatal(err)
	}
	var h http.Handler = s
	if change != nil {
		h = change(s)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL + "/"
}

// story is the page of the story.
func story(t testing.TB, change func(http.Handler) http.Handler) string {
	t.Helper()
	entries, chains := audittest.Story(t)
	return served(t, audittest.Fill(t, &logtest.Memory{}, entries, chains...), change)
}

const ready = "document.documentElement.dataset.ready === 'true'"

// go to an address, with the key that the command line prints.
func (b *tab) visit(address string) {
	b.Helper()
	b.do(chromedp.Navigate(address + "#key=" + url.QueryEscape(audittest.Key(b.TB))))
	b.until(ready)
}
