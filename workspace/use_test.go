package workspace

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/remit-sh/remit/atomicfile"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/fault"
)

const someDigest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestReadUse(t *testing.T) {
	w := newWorld(t)
	gitDir := w.path("work/.git")
	if u, ok, err := ReadUse(w.env, gitDir); ok || err != nil || u != (Use{}) {
		t.Errorf("none: %+v, %v, %v", u, ok, err)
	}
	good := `# remit use {"version":1,"delegation":"` + someDigest + `","inline":true}` + "\n[gpg]\n"
	w.write("work/.git/remit/gitconfig", good)
	if u, ok, err := ReadUse(w.env, gitDir); !ok || err != nil || u != (Use{someDigest, true}) {
		t.Errorf("written: %+v, %v, %v", u, ok, err)
	}
	for what, text := range map[string]string{
		"empty": "", "another's": "[gpg]\n" + good, "a later version": strings.Replace(good, ":1", ":2", 1),
		"an unknown member": strings.Replace(good, "inline", "online", 1), "a short digest": strings.Replace(good, "0123", "", 1),
		"no JSON": "# remit use x\n", "too long": good + strings.Repeat("#\n", maxUseFile/2),
	} {
		w.write("work/.git/remit/gitconfig", text)
		if u, ok, err := ReadUse(w.env, gitDir); ok || err == nil || u != (Use{}) {
			t.Errorf("%s: %+v, %v, %v", what, u, ok, err)
		}
	}
	// The environment counts first, whatever lies there.
	w.env.Environ = append(w.env.Environ, DelegationVariable+"="+someDigest)
	if u, ok, err := ReadUse(w.env, gitDir); !ok || err != nil || u != (Use{Delegation: someDigest}) {
		t.Errorf("in the environment: %+v, %v, %v", u, ok, err)
	}
	w.env.Environ = append(w.env.Environ, DelegationVariable+"="+someDigest[:20])
	if u, ok, err := ReadUse(w.env, gitDir); ok || fault.KindOf(err) != fault.Usage || u != (Use{}) {
		t.Errorf("half a digest in the environment: %+v, %v, %v", u, ok, err)
	}
}

// signs is what git's configuration says of signing.
func (w *world) signs(dir string) string {
	w.t.Helper()
	at, err := Find(Env{Environ: w.env.Environ, Dir: w.path(dir)})
	if err != nil {
		w.t.Fatal(err)
	}
	return at.ConfigValue(w.t.Context(), "user.signingkey") + " " + at.ConfigValue(w.t.Context(), "core.hooksPath")
}

func TestPutInForce(t *testing.T) {
	for _, own := range []bool{false, true} {
		w := newWorld(t)
		if own {
			w.git("config", "extensions.worktreeConfig", "true")
		}
		w.git("config", "user.signingkey", "mine")
		w.git("worktree", "add", "-q", w.path("linked"), "-b", "other")
		before := w.read("work/.git/config")
		coder, tester := w.delegate("agent.coder"), w.delegate("agent.tester")
		for _, c := range []struct {
			dir, git, beside string
			chain            delegation.Chain
		}{
			{"work", "work/.git", "linked", coder},
			{"linked", "work/.git/worktrees/linked", "work", tester},
		} {
			at, err := Open(Env{Environ: w.env.Environ, Dir: w.path(c.dir)})
			if err != nil {
				t.Fatal(err)
			}
			defer at.Close()
			for range 2 { // again is fine
				if _, err := at.PutInForce(t.Context(), c.chain, true, "/opt/it's remit"); err != nil {
					t.Fatal(err)
				}
			}
			rel, err := filepath.Rel(w.path(c.dir), w.path(c.git+"/remit"))
			if err != nil {
				t.Fatal(err)
			}
			want := rel + "/" + keyFile(c.chain.Leaf().Delegate.Key.AuthorizedKey()) + " " + rel + "/hooks"
			if got := w.read(c.git + "/remit/" + keyFile(c.chain.Leaf().Delegate.Key.AuthorizedKey())); got != c.chain.Leaf().Delegate.Key.AuthorizedKey()+"\n" {
				t.Errorf("%s: the key is %q", c.dir, got)
			}
			if got := w.signs(c.dir); got != want {
				t.Errorf("%s: git says %q, want %q", c.dir, got, want)
			}
			if got := at.ConfigValue(t.Context(), "gpg.ssh.program"); got != "/opt/it's remit" {
				t.Errorf("%s: signed by %q", c.dir, got)
			}
			if got := w.signs(c.beside); got != "mine " {
				t.Errorf("%s: the tree beside it says %q", c.dir, got)
			}
			chain, u, err := at.InForce()
			if err != nil || chain.Digest() != c.chain.Digest() || u != (Use{c.chain.Digest(), true}) {
				t.Errorf("%s: %+v is in force, %v", c.dir, u, err)
			}
			if got, want := at.earlierHooks(t.Context()), w.path("work/.git/hooks"); got != want {
				t.Errorf("%s: hooks were in %q, want %q", c.dir, got, want)
			}
			found, err := LocateHooks(t.Context(), at.env, "")
			if err != nil || found.HooksDir != w.path("work/.git/hooks") {
				t.Errorf("%s: the hooks that are meant: %q, %v", c.dir, found.HooksDir, err)
			}
			for range 2 {
				if _, err := at.PutNoneInForce(t.Context(), "/opt/remit"); err != nil {
					t.Fatal(err)
				}
			}
			if got := w.signs(c.dir); got != "mine " {
				t.Errorf("%s: after it git says %q", c.dir, got)
			}
			if chain, _, err := at.InForce(); chain != nil || err != nil {
				t.Errorf("%s: still in force: %v", c.dir, err)
			}
		}
		if after := w.read("work/.git/config"); after != before {
			t.Errorf("the configuration was %q and is %q", before, after)
		}
	}
}

func TestEarlierHooks(t *testing.T) {
	w := newWorld(t)
	at := w.open()
	chain := w.delegate("agent.coder")
	for _, c := range []struct{ set, want string }{{"", w.path("work/.git/hooks")}, {".husky", w.path("work/.husky")}, {w.path("theirs"), w.path("theirs")}} {
		if c.set != "" {
			w.git("config", "core.hooksPath", c.set)
		}
		for range 2 { // before, and while the delegation is in force
			if got := at.earlierHooks(t.Context()); got != c.want {
				t.Errorf("%q: hooks are in %q, want %q", c.set, got, c.want)
			}
			if _, err := at.PutInForce(t.Context(), chain, false, "/opt/remit"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestLocateHooks(t *testing.T) {
	w := newWorld(t)
	if at, err := LocateHooks(t.Context(), w.env, ""); err != nil || at.HooksDir != w.path("work/.git/hooks") {
		t.Errorf("%+v, %v", at, err)
	}
	if at, err := LocateHooks(t.Context(), w.env, "sub/dir"); err != nil || at.HooksDir != w.path("work/sub/dir") {
		t.Errorf("named: %+v, %v", at, err)
	}
	if _, err := LocateHooks(t.Context(), Env{Dir: w.dir}, ""); fault.KindOf(err) != fault.Usage {
		t.Errorf("in no repository: %v", err)
	}
	w.write("gitconfig", "[core]\n\thooksPath = "+configQuote(w.path("shared"))+"\n")
	t.Setenv("GIT_CONFIG_GLOBAL", w.path("gitconfig"))
	if _, err := LocateHooks(t.Context(), w.env, ""); fault.KindOf(err) != fault.Usage || fault.FixOf(err) == "" {
		t.Errorf("hooks of all repositories: %v", err)
	}
	if at, err := LocateHooks(t.Context(), w.env, w.path("shared")); err != nil || at.HooksDir != w.path("shared") {
		t.Errorf("named in so many words: %+v, %v", at, err)
	}
}

func TestDelegations(t *testing.T) {
	w := newWorld(t)
	coder, tester := w.delegate("agent.coder"), w.delegate("agent.tester")
	w.git("update-ref", "refs/remit/delegations/"+strings.Repeat("0", 64), w.git("hash-object", "-w", w.path("work/.git/HEAD")))
	at := w.open()
	chains, notes := at.Delegations()
	if len(chains) != 2 || len(notes) != 1 {
		t.Errorf("%d delegations, notes %v", len(chains), notes)
	}
	if c, err := at.Chain(tester.Digest()); err != nil || c.Digest() != tester.Digest() {
		t.Errorf("%v, %v", c, err)
	}
	if c, err := at.Chain(someDigest); err == nil || c != nil || !strings.Contains(fault.FixOf(err), delegation.RefName(someDigest)) {
		t.Errorf("one that is not here: %v, %v", c, err)
	}
	whole := coder.Digest()
	for _, short := range []string{whole[:len("sha256:")+6], whole[len("sha256:"):][:12]} {
		if got, notes, err := at.FullDigest(short); err != nil || got != whole || len(notes) != 1 {
			t.Errorf("%s became %q, %v, %v", short, got, notes, err)
		}
	}
	if got, notes, err := at.FullDigest(someDigest); err != nil || got != someDigest || notes != nil {
		t.Errorf("a whole one became %q, %v, %v", got, notes, err)
	}
	last := byte('0')
	if whole[len("sha256:")+11] == last {
		last = '1'
	}
	for short, kind := range map[string]fault.Kind{
		whole[:len("sha256:")+5]: fault.Usage, "": fault.Usage, "sha256:": fault.Usage, strings.ToUpper(whole): fault.Usage, "main": fault.Usage,
		whole[:len("sha256:")+11] + string(last): fault.Undecided,
	} {
		if got, _, err := at.FullDigest(short); err == nil || got != "" || fault.KindOf(err) != kind {
			t.Errorf("%q became %q, %v", short, got, err)
		}
	}
}

func TestNameInMessage(t *testing.T) {
	w := newWorld(t)
	const before = "subject\n\nDelegation: " + someDigest + "\n# a comment\n"
	message := func() string {
		t.Helper()
		at := w.open()
		w.write("work/.git/COMMIT_EDITMSG", before)
		if err := os.Chmod(w.path("work/.git/COMMIT_EDITMSG"), 0o664); err != nil {
			t.Fatal(err)
		}
		if err := at.NameInMessage(t.Context(), ".git/COMMIT_EDITMSG"); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(w.path("work/.git/COMMIT_EDITMSG")); err != nil || info.Mode() != 0o664 {
			t.Errorf("its mode is %v, %v", info, err)
		}
		return w.read("work/.git/COMMIT_EDITMSG")
	}
	if got := message(); got != before {
		t.Errorf("with none in force: %q", got)
	}
	chain := w.delegate("agent.coder")
	for _, c := range []struct {
		inline        bool
		editor, value string
		comment       string
		edited        bool
	}{
		{false, "", chain.Digest(), "#", true},
		{false, ":", chain.Digest(), "#", false},
		{false, "", chain.Digest(), ";", false},
		{true, "", delegation.Ref{Digest: chain.Digest(), Inline: chain.Marshal()}.Value(), "#", true},
	} {
		if _, err := w.open().PutInForce(t.Context(), chain, c.inline, "/opt/remit"); err != nil {
			t.Fatal(err)
		}
		w.git("config", "core.commentChar", c.comment)
		w.env.Environ = append(os.Environ(), "GIT_EDITOR="+c.editor)
		comment := c.comment
		if !c.edited {
			comment = map[bool]string{true: "", false: c.comment}[c.editor == ":"]
		}
		if got, want := message(), delegation.AddTrailer(before, c.value, comment); got != want {
			t.Errorf("%+v: %q, want %q", c, got, want)
		}
		if got := message(); strings.Count(got, "Delegation: ") != 1 || strings.Contains(got, someDigest) {
			t.Errorf("%+v: the message is %q", c, got)
		}
	}
	files, err := os.ReadDir(w.path("work/.git"))
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, f := range files {
		if atomicfile.IsTemp(f.Name()) {
			t.Errorf("it left %s", f.Name())
		}
	}
	if err := w.open().NameInMessage(t.Context(), "none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a message that is not there: %v", err)
	}
}

func TestCheckGit(t *testing.T) {
	w := newWorld(t)
	if v, err := w.env.CheckGit(t.Context(), "2.0", "for all"); err != nil || !strings.HasPrefix(v, "2.") {
		t.Errorf("%q, %v", v, err)
	}
	for _, least := range []string{"2.9999", "99.0"} {
		_, err := w.env.CheckGit(t.Context(), least, "to fly")
		if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "remit needs "+least+" or newer to fly") || fault.FixOf(err) != "install git "+least+" or newer" {
			t.Errorf("%s: %v", least, err)
		}
	}
}

// The main work tree's settings are read wherever its git directory is, and never for a linked work tree.
func TestMainInclude(t *testing.T) {
	for name, c := range map[string]struct {
		dir  string // of the git directory
		main bool
	}{
		"usual":                       {"a/.git", true},
		"usual, below worktrees":      {"a/worktrees/.git", true},
		"of a submodule":              {"a/.git/modules/b", true},
		"its name is long":            {"a/.git/modules/worktrees/b", false}, // named in full beside the patterns
		"apart":                       {"a/shop.git", true},
		"below a name that begins so": {"a/worktree/b", true},
		"below a longer one":          {"a/worktrees2/b", true},
		"below one letter":            {"w/b", true},
		"of a linked work tree":       {"a/.git/worktrees/b", false},
		"of one of a submodule":       {"a/.git/modules/b/worktrees/c", false},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			w := newWorld(t)
			dir := w.path(c.dir)
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			w.gitIn(w.dir, "init", "-q", "--bare", dir)
			w.write(c.dir+"/remit/include", string(mainIncludeText("/elsewhere")))
			w.write(c.dir+"/remit/gitconfig", "[test]\n\tread = yes\n")
			w.gitIn(dir, "config", "--add", "include.path", "remit/include")
			out := w.gitIn(dir, "config", "--get", "--default=no", "test.read")
			if got := strings.TrimSpace(out) == "yes"; got != c.main {
				t.Errorf("read: %v", got)
			}
		})
	}
}
