package gitobject

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// repo is a throw-away repository driven by the git and ssh-keygen of this machine.
type repo struct {
	t         *testing.T
	dir, home string
	env       []string
}

func newRepo(t *testing.T, format string) *repo {
	t.Helper()
	for _, tool := range []string{"git", "ssh-keygen"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	r := &repo{t: t, dir: t.TempDir(), home: t.TempDir()}
	r.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + r.home, "LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + filepath.Join(r.home, "gitconfig"),
		"GIT_AUTHOR_NAME=Alice", "GIT_AUTHOR_EMAIL=alice@example.com", "GIT_AUTHOR_DATE=1795356000 +0100",
		"GIT_COMMITTER_NAME=Bob", "GIT_COMMITTER_EMAIL=bob@example.com", "GIT_COMMITTER_DATE=1795356060 -0330",
	}
	key := filepath.Join(r.home, "key")
	r.run(nil, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key)
	pub, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.path("signers"), []byte("bob "+string(pub)), 0o600); err != nil {
		t.Fatal(err)
	}
	r.run(nil, "git", "init", "-q", "-b", "main", "--object-format="+format)
	for _, kv := range [][2]string{{"gpg.format", "ssh"}, {"user.signingKey", key}, {"commit.gpgSign", "true"}, {"gpg.ssh.allowedSignersFile", r.path("signers")}} {
		r.run(nil, "git", "config", kv[0], kv[1])
	}
	return r
}

func (r *repo) path(name string) string { return filepath.Join(r.home, name) }

func (r *repo) try(stdin []byte, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(r.t.Context(), name, args...)
	cmd.Dir, cmd.Env, cmd.Stdin = r.dir, r.env, bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		out = append(out, stderr.Bytes()...)
	}
	return out, err
}

func (r *repo) run(stdin []byte, name string, args ...string) []byte {
	r.t.Helper()
	out, err := r.try(stdin, name, args...)
	if err != nil {
		r.t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return out
}

func (r *repo) git(args ...string) string {
	r.t.Helper()
	return strings.TrimSpace(string(r.run(nil, "git", args...)))
}

// verify asks ssh-keygen whether signature covers payload.
func (r *repo) verify(payload, signature []byte) error {
	file := r.path("signature")
	if err := os.WriteFile(file, signature, 0o600); err != nil {
		r.t.Fatal(err)
	}
	_, err := r.try(payload, "ssh-keygen", "-Y", "verify", "-n", "git", "-f", r.path("signers"), "-I", "bob", "-s", file)
	return err
}

// What git signs is what ssh-keygen verifies over our payload, for each shape of commit that git
// makes, in repositories of both hashes.
func TestGitCommits(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			r := newRepo(t, format)
			ids := map[string]string{}
			note := func(name string) { ids[name] = r.git("rev-parse", "HEAD") }

			r.git("commit", "-q", "--allow-empty", "-m", "Root")
			note("root")
			r.git("commit", "-q", "--allow-empty", "--allow-empty-message", "-m", "")
			note("no message")
			r.git("commit", "-q", "--allow-empty", "-m", "Quote\n\ngpgsig "+folded+"\n"+armor)
			note("signature in the message")
			r.git("-c", "i18n.commitEncoding=ISO-8859-1", "commit", "-q", "--allow-empty", "-m", "J\xf6rg")
			note("encoding")
			r.git("checkout", "-q", "-b", "side", "HEAD~1")
			r.git("commit", "-q", "--allow-empty", "-m", "Side")
			r.git("tag", "-s", "v1", "-m", "Tagged\n\nwith a body")
			r.git("checkout", "-q", "main")
			r.git("merge", "-q", "--no-ff", "-m", "Merge a tag", "v1")
			note("merge with mergetag")

			for name, id := range ids {
				raw := r.run(nil, "git", "cat-file", "commit", id)
				c, err := ParseCommit(raw)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if c.Signature == nil {
					t.Fatalf("%s: no signature found in\n%s", name, raw)
				}
				checkCommit(t, raw, c)
				if err := r.verify(c.Payload, c.Signature); err != nil {
					t.Errorf("%s: ssh-keygen refuses our payload: %v", name, err)
				}
				if err := r.verify(append([]byte("x"), c.Payload...), c.Signature); err == nil {
					t.Errorf("%s: ssh-keygen accepts any payload", name)
				}
				if got, want := c.Committer.When.Unix(), int64(1795356060); got != want {
					t.Errorf("%s: committed at %d, want %d", name, got, want)
				}
				if got := r.git("show", "-s", "--format=%T %P", id); got != strings.TrimSpace(c.Tree+" "+strings.Join(c.Parents, " ")) {
					t.Errorf("%s: git reads %s", name, got)
				}
				if name != "encoding" && c.Message != string(r.run(nil, "git", "show", "-s", "--format=%B", id))[:len(c.Message)] {
					t.Errorf("%s: message %q", name, c.Message)
				}
			}
			merge := r.run(nil, "git", "cat-file", "commit", ids["merge with mergetag"])
			if !bytes.Contains(merge, []byte("\nmergetag object ")) {
				t.Errorf("the merge has no mergetag:\n%s", merge)
			}
			encoded := r.run(nil, "git", "cat-file", "commit", ids["encoding"])
			if !bytes.Contains(encoded, []byte("\nencoding ISO-8859-1\n")) {
				t.Errorf("the commit has no encoding header:\n%s", encoded)
			}
		})
	}
}

// A commit whose signature is put in by WithSignature is one that git itself verifies.
func TestGitVerifiesWithSignature(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			r := newRepo(t, format)
			r.git("-c", "i18n.commitEncoding=ISO-8859-1", "-c", "commit.gpgSign=false", "commit", "-q", "--allow-empty", "-m", "Unsigned")
			payload := r.run(nil, "git", "cat-file", "commit", "HEAD")
			armored := r.run(payload, "ssh-keygen", "-Y", "sign", "-n", "git", "-f", r.path("key"))
			raw, err := WithSignature(payload, armored)
			if err != nil {
				t.Fatal(err)
			}
			id := strings.TrimSpace(string(r.run(raw, "git", "hash-object", "-t", "commit", "-w", "--stdin")))
			r.git("verify-commit", id)

			raw[len(raw)-2] ^= 1
			id = strings.TrimSpace(string(r.run(raw, "git", "hash-object", "-t", "commit", "-w", "--stdin")))
			if _, err := r.try(nil, "git", "verify-commit", id); err == nil {
				t.Error("git verifies a commit that was changed")
			}
		})
	}
}

// These are attacks because git verifies them: the id changes, the signature stays good. Each
// commit is one that git accepts, so the test fails when the reason to refuse it is gone.
func TestGitIsMoreLenient(t *testing.T) {
	r := newRepo(t, "sha1")
	r.git("commit", "-q", "--allow-empty", "-m", "Signed")
	raw := string(r.run(nil, "git", "cat-file", "commit", "HEAD"))
	header := raw[strings.Index(raw, "gpgsig "):strings.Index(raw, "\n\n")] + "\n"
	for name, forged := range map[string]string{
		"a header that git leaves out":   strings.Replace(raw, header, "gpgsig-other hidden text\n"+header, 1),
		"a second signature, other hash": strings.Replace(raw, header, header+"gpgsig-sha256 hidden text\n", 1),
		"the signature moved":            strings.Replace(strings.Replace(raw, header, "", 1), "author ", header+"author ", 1),
	} {
		t.Run(name, func(t *testing.T) {
			if forged == raw {
				t.Fatal("nothing was forged")
			}
			id := strings.TrimSpace(string(r.run([]byte(forged), "git", "hash-object", "--literally", "-t", "commit", "-w", "--stdin")))
			if out, err := r.try(nil, "git", "verify-commit", id); err != nil {
				t.Fatalf("git refuses it too: %v\n%s", err, out)
			}
			if c, err := ParseCommit([]byte(forged)); err == nil {
				t.Errorf("accepted: %+v", c)
			}
		})
	}
}

func TestGitTags(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			r := newRepo(t, format)
			r.git("commit", "-q", "--allow-empty", "-m", "Root")
			for name, msg := range map[string]string{"plain": "One", "nested": "One\n\n" + armor + "\nmore"} {
				r.git("tag", "-s", "-m", msg, name)
				raw := r.run(nil, "git", "cat-file", "tag", name)
				tag, err := ParseTag(raw)
				if err != nil {
					t.Fatal(err)
				}
				if err := r.verify(tag.Payload, tag.Signature); err != nil {
					t.Errorf("%s: ssh-keygen refuses our payload: %v", name, err)
				}
				if tag.Name != name || tag.Object != r.git("rev-parse", "HEAD") || tag.Message != msg+"\n" {
					t.Errorf("%s: got %+v", name, tag)
				}
			}
			r.git("tag", "-a", "-m", "Not signed", "unsigned")
			tag, err := ParseTag(r.run(nil, "git", "cat-file", "tag", "unsigned"))
			if err != nil || tag.Signature != nil || tag.Message != "Not signed\n" {
				t.Errorf("got %+v, %v", tag, err)
			}
		})
	}
}

// Whatever is a trailer here is the same trailer for git.
func TestGitTrailers(t *testing.T) {
	r := newRepo(t, "sha1")
	for name, tc := range map[string]struct {
		message  string
		stricter bool // git sees trailers where remit does not
	}{
		"ordinary":      {message: "Subject\n\nBody\n\nSigned-off-by: A <a@x>\nCo-authored-by: B <b@x>\n"},
		"none":          {message: "Subject\n\nBody: no, it is prose.\nMore of it\n"},
		"subject":       {message: "Fix: subject\n"},
		"folded":        {message: "Subject\n\nA: b\n  c\nD: e\n"},
		"cherry-picked": {message: "Subject\n\nA: b\n(cherry picked from commit 83baae61804e65cc73a7201a7252750c76066a30)\n"},
		"not last":      {message: "Subject\n\nA: b\n\nBody\n"},
		"address":       {message: "Subject\n\nhttps://example.com/\n", stricter: true},
		"mixed":         {message: "Subject\n\nSigned-off-by: A <a@x>\nprose\nB: c\n"},
		"mixed, folded": {message: "Subject\n\nprose\n  more prose\nSigned-off-by: A <a@x>\n  folded\n"},
		"not signed":    {message: "Subject\n\nA: b\nprose\n"},
		"a quarter":     {message: "Subject\n\none\ntwo\nthree\nSigned-off-by: A <a@x>\n"},
		"less":          {message: "Subject\n\none\ntwo\nthree\nfour\nSigned-off-by: A <a@x>\n"},
		"less, folded":  {message: "Subject\n\none\ntwo\nthree\n  four\nSigned-off-by: A <a@x>\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var got strings.Builder
			for _, tr := range Trailers(tc.message) {
				got.WriteString(tr.Key + ": " + tr.Value + "\n")
			}
			want := string(r.run([]byte(tc.message), "git", "interpret-trailers", "--parse", "--no-divider"))
			var kept strings.Builder // the note of cherry-pick -x is a line of the block, not a trailer
			for line := range strings.Lines(want) {
				if !strings.HasPrefix(line, "(") {
					kept.WriteString(line)
				}
			}
			want = kept.String()
			if tc.stricter {
				if got.Len() > 0 || want == "" {
					t.Errorf("remit reads %q, git reads %q: the case shows nothing", got.String(), want)
				}
				return
			}
			if got.String() != want {
				t.Errorf("remit reads %q, git reads %q", got.String(), want)
			}
		})
	}
}
