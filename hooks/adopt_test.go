package hooks_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What tools leave in remit's hooks runs at once, moves to where it would be without remit, and runs there.
func TestAdopt(t *testing.T) {
	for name, tt := range map[string]struct {
		before  map[string]string // in the earlier directory
		left    map[string]string // by a tool; "" removes, "+" adds to the end of remit's
		kept    string            // what was replaced
		commit  string            // what the next commit runs
		want    map[string]string // in the earlier directory afterwards
		strays  int               // files that are not remit's
		missing []string          // hooks of remit's that do not run meanwhile
	}{
		"nothing":  {commit: "remit pre-commit\nremit prepare-commit-msg\n"},
		"new name": {left: map[string]string{"commit-template": "x"}, commit: "remit pre-commit\nremit prepare-commit-msg\n", want: map[string]string{"commit-template": "x"}, strays: 1},
		"in the place of one that passes": {
			left: map[string]string{"post-commit": say("new")}, commit: "remit pre-commit\nremit prepare-commit-msg\nnew\n",
			want: map[string]string{"post-commit": say("new")}, strays: 1, missing: []string{"post-commit"},
		},
		"in the place of remit's own": {
			left: map[string]string{"pre-commit": say("new")}, commit: "new\nremit pre-commit\nremit prepare-commit-msg\n",
			want: map[string]string{"pre-commit": say("new")}, strays: 1, missing: []string{"pre-commit"},
		},
		"over another": {
			before: map[string]string{"pre-commit": say("old")}, left: map[string]string{"pre-commit": say("new")},
			commit: "new\nremit pre-commit\nremit prepare-commit-msg\n", kept: "pre-commit.replaced",
			want: map[string]string{"pre-commit": say("new"), "pre-commit.replaced": say("old")}, strays: 1, missing: []string{"pre-commit"},
		},
		"the same again": {
			before: map[string]string{"pre-commit": say("same")}, left: map[string]string{"pre-commit": say("same")},
			commit: "same\nremit pre-commit\nremit prepare-commit-msg\n",
			want:   map[string]string{"pre-commit": say("same")}, strays: 1, missing: []string{"pre-commit"},
		},
		"added to the end": {
			left: map[string]string{"pre-commit": "+echo added >>\"$LOG\"\n"}, commit: "added\nremit pre-commit\nremit prepare-commit-msg\n",
			want: map[string]string{"pre-commit": say("added")}, strays: 1, missing: []string{"pre-commit"},
		},
		"removed": {
			left: map[string]string{"pre-commit": "", "prepare-commit-msg": "", "post-merge": ""}, commit: "remit pre-commit\nremit prepare-commit-msg\n",
			missing: []string{"post-merge", "pre-commit", "prepare-commit-msg"},
		},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			w := newWorld(t)
			existing := filepath.Join(w.dir, "their hooks")
			work, dir := chained(t, w, existing)
			clean := snapshot(t, dir)
			for name, text := range tt.before {
				w.write(filepath.Join(existing, name), text, 0o755)
			}
			for name, text := range tt.left {
				path := filepath.Join(dir, name)
				more, add := strings.CutPrefix(text, "+")
				switch {
				case text == "":
					if err := os.Remove(path); err != nil {
						t.Fatal(err)
					}
				case add:
					b, err := os.ReadFile(path)
					if err != nil {
						t.Fatal(err)
					}
					w.write(path, string(b)+more, 0o755)
				default:
					w.write(path, text, 0o755)
				}
			}
			c := w.chain(dir, existing)
			s, err := c.Strays()
			if err != nil || len(s.Foreign) != tt.strays || !slices.Equal(s.Lost, tt.missing) || len(s.Stale) > 0 {
				t.Errorf("%+v, %v", s, err)
			}
			moved, err := c.Adopt(existing)
			if err != nil {
				t.Fatal(err)
			}
			kept := ""
			for _, a := range moved {
				if a.Kept != "" {
					kept += filepath.Base(a.Kept)
				}
			}
			if kept != tt.kept {
				t.Errorf("kept %q, want %q", kept, tt.kept)
			}
			if err := c.Write(existing); err != nil {
				t.Fatal(err)
			}
			if s, err := c.Strays(); err != nil || s.Any() || snapshot(t, dir) != clean {
				t.Errorf("afterwards: %+v, %v", s, err)
			}
			w.logged()
			w.git(work, "commit", "-q", "--allow-empty", "-m", "x")
			if got := w.logged(); got != tt.commit {
				t.Errorf("the next commit ran %q, want %q", got, tt.commit)
			}
			for name, text := range tt.want {
				if b, err := os.ReadFile(filepath.Join(existing, name)); err != nil || string(b) != text {
					t.Errorf("%s is %q, %v", name, b, err)
				}
			}
			if files, err := os.ReadDir(existing); err == nil && len(files) != len(tt.want) {
				t.Errorf("%d files, want %d", len(files), len(tt.want))
			}
		})
	}
}

// say is a hook that logs a word.
func say(word string) string { return "#!/bin/sh\necho " + word + " >>\"$LOG\"\n" }

// A tool that keeps what it replaces keeps a script of remit's: it is dropped, and remit runs once.
func TestAdoptDropsCopies(t *testing.T) {
	w := newWorld(t)
	existing := filepath.Join(w.dir, "their hooks")
	work, dir := chained(t, w, existing)
	if err := os.Rename(filepath.Join(dir, "pre-commit"), filepath.Join(dir, "pre-commit.old")); err != nil {
		t.Fatal(err)
	}
	w.write(filepath.Join(dir, "pre-commit"), "#!/bin/sh\necho new >>\"$LOG\"\n\"${0%/*}\"/pre-commit.old\n", 0o755)
	c := w.chain(dir, existing)
	if s, err := c.Strays(); err != nil || !slices.Equal(s.Stale, []string{"pre-commit.old"}) || !slices.Equal(s.Lost, []string{"pre-commit"}) {
		t.Errorf("%+v, %v", s, err)
	}
	moved, err := c.Adopt(existing)
	if err != nil || len(moved) != 1 || c.Write(existing) != nil {
		t.Fatalf("%+v, %v", moved, err)
	}
	if _, err := os.Stat(filepath.Join(existing, "pre-commit.old")); err == nil {
		t.Error("a copy of remit's hook was moved")
	}
	w.write(filepath.Join(existing, "pre-commit"), say("new"), 0o755)
	w.git(work, "commit", "-q", "--allow-empty", "-m", "x")
	if got, want := w.logged(), "new\nremit pre-commit\nremit prepare-commit-msg\n"; got != want {
		t.Errorf("ran %q, want %q", got, want)
	}
}

// Where remit's hooks are installed in the earlier directory, what is moved there runs before them.
func TestAdoptBesideInstalledHooks(t *testing.T) {
	w := newWorld(t)
	existing := filepath.Join(w.dir, "work", ".git", "hooks")
	work, dir := chained(t, w, existing)
	w.install(existing)
	c := w.chain(dir, existing)
	for _, word := range []string{"one", "two"} {
		w.write(filepath.Join(dir, "pre-commit"), say(word), 0o755)
		if _, err := c.Adopt(existing); err != nil {
			t.Fatal(err)
		}
		if err := c.Write(existing); err != nil {
			t.Fatal(err)
		}
		w.git(work, "commit", "-q", "--allow-empty", "-m", "x")
		if got, want := w.logged(), word+"\nremit pre-commit\nremit prepare-commit-msg\n"; got != want {
			t.Errorf("ran %q, want %q", got, want)
		}
	}
	if b, err := os.ReadFile(filepath.Join(existing, "pre-commit.before-remit.replaced")); err != nil || string(b) != say("one") {
		t.Errorf("what was replaced is %q, %v", b, err)
	}
}

// The remit that the hooks were written with goes on counting as long as it is there.
func TestStraysOfAnotherRemit(t *testing.T) {
	w := newWorld(t)
	existing := filepath.Join(w.dir, "their hooks")
	_, dir := chained(t, w, existing)
	c := w.chain(dir, existing)
	c.Remit = filepath.Join(w.dir, "elsewhere", "remit")
	if s, err := c.Strays(); err != nil || s.Any() {
		t.Errorf("%+v, %v", s, err)
	}
	if err := os.Remove(w.remit); err != nil {
		t.Fatal(err)
	}
	if s, err := c.Strays(); err != nil || len(s.Stale) != 1 || len(s.Lost)+len(s.Foreign) > 0 {
		t.Errorf("%+v, %v", s, err)
	}
}
