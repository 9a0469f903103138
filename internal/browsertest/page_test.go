package browsertest

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/remit-sh/remit/audit/audittest"
	"github.com/remit-sh/remit/audit/log/logtest"
)

// TestLooks: the page in light, in the dark and on a small screen, without barriers in any.
func TestLooks(t *testing.T) {
	b := open(t)
	at := story(t, nil)
	for _, look := range []struct {
		name          string
		dark          bool
		width, height int64
	}{
		{"light", false, 1280, 900},
		{"dark", true, 1280, 900},
		{"narrow", false, 360, 740},
		{"narrow-dark", true, 360, 740},
	} {
		b.dark(look.dark)
		b.do(chromedp.EmulateViewport(look.width, look.height))
		b.visit(at)
		b.wantText("#status", "9 decisions of 9 entries")
		b.screen(look.name+"-list", true)
		b.barriers(look.name + ", list")
		b.visit(at + "?entry=1")
		b.until("document.querySelector('#proof .steps')")
		b.wantText("#proof", "Proof checked")
		b.screen(look.name+"-entry", true)
		b.barriers(look.name + ", entry")
		if wide := eval[int](b, "document.documentElement.scrollWidth - document.documentElement.clientWidth"); wide > 0 {
			t.Errorf("%s: it is %d pixels wider than the screen", look.name, wide)
		}
	}
	b.quiet()
}

func TestMany(t *testing.T) {
	b := open(t)
	at := served(t, audittest.Fill(t, &logtest.Memory{}, audittest.Many(t, 0, 100_000)), nil)
	b.visit(at)
	b.screen("many", false)
	b.wantText("#status", "50 decisions of 100,000 entries, number 99999 to 99950")
}
