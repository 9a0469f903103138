package fault

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
)

func TestKindAndFixAreFoundThroughWraps(t *testing.T) {
	inner := WithFix(Usagef("the policy %s: %w", "p.hcl", fs.ErrNotExist), "write %s", "one")
	err := fmt.Errorf("reading: %w", inner)
	if KindOf(err) != Usage || FixOf(err) != "write one" {
		t.Errorf("got kind %d and fix %q", KindOf(err), FixOf(err))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("what is inside was lost")
	}
	if got, want := inner.Error(), "the policy p.hcl: file does not exist"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAFixKeepsTheKind(t *testing.T) {
	for _, err := range []error{Usagef("a"), Refusedf("a"), Undecidedf("a")} {
		fixed := WithFix(err, "b")
		if KindOf(fixed) != KindOf(err) {
			t.Errorf("kind %d became %d", KindOf(err), KindOf(fixed))
		}
		if again := WithFix(fixed, "c"); FixOf(again) != "c" {
			t.Errorf("the later fix does not count: %q", FixOf(again))
		}
		if wrapped := Undecidedf("reading: %w", fixed); FixOf(wrapped) != "b" {
			t.Errorf("a fault without a fix hid the one inside: %q", FixOf(wrapped))
		}
	}
}

func TestAFixKeepsWhatWasSaid(t *testing.T) {
	err := WithFix(fmt.Errorf("reading: %w", Usagef("it is empty")), "fill it")
	if got, want := err.Error(), "reading: it is empty"; got != want || KindOf(err) != Usage {
		t.Errorf("got %q of kind %d, want %q", got, KindOf(err), want)
	}
}

func TestAnyOtherErrorIsUndecided(t *testing.T) {
	if err := errors.New("a"); KindOf(err) != Undecided || FixOf(err) != "" {
		t.Error("an error that says nothing of itself is something that could not be found out")
	}
	if KindOf(WithFix(errors.New("a"), "b")) != Undecided {
		t.Error("a fix makes it no other kind")
	}
}
