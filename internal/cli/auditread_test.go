package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/audittest"
	"github.com/remit-sh/remit/audit/folder"
	"github.com/remit-sh/remit/audit/gitbranch"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
	"github.com/remit-sh/remit/delegation"
	"github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/internal/cli"
)

func (s *shop) read(name string) string {
	s.t.Helper()
	b, err := os.ReadFile(s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

// answer is what a command said.
type answer struct {
	code           int
	stdout, stderr string
}

// here runs remit in this process, in a folder of the shop.
func (s *shop) here(dir string, args ...string) answer {
	s.t.Helper()
	var out, errs bytes.Buffer
	code := cli.Run(s.t.Context(), s.env(dir, &out, &errs), args)
	return answer{code, out.String(), errs.String()}
}

func (s *shop) env(dir string, out, errs interface{ Write([]byte) (int, error) }) *cli.Env {
	exe, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	return &cli.Env{
		Stdin: strings.NewReader(""), Stdout: out, Stderr: errs, Environ: environment(s.dir, "alice"), Dir: s.path(dir), Executable: exe,
		Now: clock(s.path("clock")),
	}
}

func (a answer) want(t *testing.T, code int, texts ...string) answer {
	t.Helper()
	if a.code != code {
		t.Fatalf("exit code %d, want %d\n%s%s", a.code, code, a.stdout, a.stderr)
	}
	for _, text := range texts {
		if !strings.Contains(a.stdout+a.stderr, text) {
			t.Errorf("%q is not in\n%s%s", text, a.stdout, a.stderr)
		}
	}
	return a
}

// branch is the store of the log's branch in a repository of the shop.
func (s *shop) branch(gitDir string) *gitbranch.Store {
	s.t.Helper()
	store, err := gitbranch.Open(s.t.Context(), gitbranch.Config{GitDir: s.path(gitDir), Environment: environment(s.dir, "alice"), Now: time.Now})
	if err != nil {
		s.t.Fatal(err)
	}
	return store
}

// recorded is a shop whose server has a log with the story, which alice has fetched.
func recorded(t *testing.T) *shop {
	t.Helper()
	s := newShop(t)
	entries, chains := audittest.Story(t)
	audittest.Fill(t, s.branch("shop.git"), entries, chains...)
	s.git("alice", "fetch -q origin")
	return s
}

var trusted = "--key=" + auditKey()

// auditKey is the key of the logs of tests.
func auditKey() string {
	key, err := log.VerifierKey(logtest.Origin, logtest.Key(&testing.T{}, "log").SSHPublicKey())
	if err != nil {
		panic(err)
	}
	return key
}

// TestAuditLog: the entries of the clone's copy, of the server's own branch and of the remote are the same, the newest
// first, and each filter and form gives its own.
func TestAuditLog(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	all := s.here("shop", "audit", "log", trusted).want(t, 0)
	lines := strings.Split(strings.TrimSuffix(all.stdout, "\n"), "\n")
	if len(lines) != 9 || !strings.HasPrefix(lines[0], "8  2026-11-22 14:09:00 UTC  bot, delegated by bob,") ||
		lines[8] != `0  2026-11-22 14:01:00 UTC  coder, delegated by planner for alice, changed src/cart.go and one more file for "SHOP-1412: pay by card": allowed` {
		t.Errorf("%s", all.stdout)
	}
	for i, line := range lines {
		if strings.Contains(line, "(unattested)") != (i == 1 || i == 2) {
			t.Errorf("marked: %s", line)
		}
	}
	for _, same := range [][]string{{"shop.git"}, {"shop", "--fetch"}, {"shop", "--remote", "origin"}} {
		if got := s.here(same[0], append([]string{"audit", "log", trusted}, same[1:]...)...).want(t, 0); got.stdout != all.stdout {
			t.Errorf("in %v:\n%s", same, got.stdout)
		}
	}
	reverse := s.here("shop", "audit", "log", trusted, "--reverse").want(t, 0)
	turned := slices.Clone(lines)
	slices.Reverse(turned)
	if reverse.stdout != strings.Join(turned, "\n")+"\n" {
		t.Errorf("reversed:\n%s", reverse.stdout)
	}
	entries, chains := audittest.Story(t)
	for flags, want := range map[string]string{
		"-n 2":                                          "8 7",
		"-n 2 --reverse":                                "7 8",
		"--agent coder":                                 "5 4 1 0",
		"--agent agent.planner":                         "5 4 1 0",
		"--human carol":                                 "5",
		"--environment Production":                      "5 4",
		"--verdict deny":                                "7 6 1",
		"--since 2026-11-22T14:08:00Z":                  "8 7",
		"--until 2026-11-22T14:02:00Z":                  "0",
		"--path src/**":                                 "0",
		"--delegation " + chains[1].Digest()[:20]:       "8 2",
		"--rule scope-path":                             "1",
		"--repository https://github.com/Acme/Shop.git": "8 7 6 5 4 3 2 1 0",
		"--surface check":                               "7",
		"--commit " + entries[2].Question.Head:          "2",
		"--agent coder --verdict allow":                 "5 0",
		"--rule unsigned --agent coder":                 "",
	} {
		got := s.here("shop", append([]string{"audit", "log", trusted}, strings.Fields(flags)...)...).want(t, 0)
		var indexes []string
		for line := range strings.Lines(got.stdout) {
			indexes = append(indexes, strings.Fields(line)[0])
		}
		if strings.Join(indexes, " ") != want {
			t.Errorf("%s: %v, want %s", flags, indexes, want)
		}
	}
	for _, flags := range []string{
		"--verdict denied", "--since yesterday", "--until x", "--path /src", "--delegation e3", "--commit main", "--agent human.alice", "--human Ä", "--repository x", "-n -1",
		"--format yaml", "-f --format json", "--key x", "--log . --fetch", "--remote nowhere", "--log . --remote origin",
	} {
		s.here("shop", append([]string{"audit", "log"}, strings.Fields(flags)...)...).want(t, 2)
	}
}

// TestAuditInert: whatever agents wrote, no command prints anything that acts on a terminal or hides.
func TestAuditInert(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	for _, args := range [][]string{
		{"log"},
		{"log", "--format", "json"},
		{"log", "--format", "jsonl"},
		{"show", "6"},
		{"show", "7"},
		{"show", "6", "--format", "json"},
		{"show", "7", "--format", "json"},
		{"verify"},
		{"verify", "--format", "json"},
		{"export", "--format", "jsonl"},
		{"export", "--format", "ocsf"},
		{"export", "--format", "html"},
	} {
		got := s.here("shop", append(append([]string{"audit"}, args...), trusted)...).want(t, 0)
		for _, r := range got.stdout + got.stderr {
			if r != '\n' && r != ' ' && !inert.IsVisible(r) {
				t.Errorf("%v prints %U", args, r)
				break
			}
		}
		for line := range strings.Lines(got.stdout + got.stderr) {
			if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") || strings.Contains(line, "##vso[") {
				t.Errorf("%v prints a command of a CI system: %.100q", args, line)
			}
		}
		if args[0] != "verify" && !strings.Contains(got.stdout, "[2J") {
			t.Errorf("%v does not print what is hostile, so that nothing is tested", args)
		}
	}
}

// TestAuditJSON: one value, or one a line, and nothing else on standard output.
func TestAuditJSON(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	type row struct {
		Version  int             `json:"version"`
		Index    int64           `json:"index"`
		Sentence string          `json:"sentence"`
		Attested bool            `json:"attested"`
		Entry    json.RawMessage `json:"entry"`
	}
	var list struct {
		Version int    `json:"version"`
		Log     string `json:"log"`
		Size    int64  `json:"size"`
		Root    string `json:"root"`
		Entries []row  `json:"entries"`
	}
	decode := func(text string, v any) {
		t.Helper()
		d := json.NewDecoder(strings.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(v); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
	}
	decode(s.here("shop", "audit", "log", trusted, "--format", "json").want(t, 0).stdout, &list)
	if list.Version != 1 || list.Log != logtest.Origin || list.Size != 9 || len(list.Entries) != 9 || list.Entries[0].Index != 8 || !list.Entries[0].Attested {
		t.Errorf("%+v", list)
	}
	lines := strings.Split(s.here("shop", "audit", "log", trusted, "--format", "jsonl", "-n", "3").want(t, 0).stdout, "\n")
	for i := range 3 {
		var r row
		decode(lines[i], &r)
		if r.Index != int64(8-i) || r.Sentence != list.Entries[i].Sentence {
			t.Errorf("line %d: %s", i, lines[i])
		}
	}
	decode(s.here("shop", "audit", "log", trusted, "--format", "json", "--rule", "nothing").want(t, 0).stdout, &list)
	if len(list.Entries) != 0 {
		t.Errorf("%d entries of none", len(list.Entries))
	}
}

// TestAuditTrust: whose log it is comes from the flag, the policy, or from what was seen first, which is said; another
// key than that is refused.
func TestAuditTrust(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	pins := s.path("shop/.git/remit/audit.json")
	s.here("shop", "audit", "log").want(t, 0, "is seen for the first time: "+auditKey(), pins)
	if again := s.here("shop", "audit", "log").want(t, 0); strings.Contains(again.stderr, "first time") {
		t.Errorf("%s", again.stderr)
	}
	other, err := log.VerifierKey(logtest.Origin, logtest.Key(t, "other").SSHPublicKey())
	if err != nil {
		t.Fatal(err)
	}
	s.here("shop", "audit", "log", "--key", other).want(t, 1, "another key", "does not hold together")
	s.here("shop", "audit", "verify", "--key", other).want(t, 1, "checkpoint checkpoint:")

	// The policy names the key: nothing is trusted at first sight, and another one does not count.
	for key, code := range map[string]int{auditKey(): 0, other: 1} {
		s := recorded(t)
		s.write("shop/policies.hcl", "settings { audit_key = \""+key+"\" }\n"+s.read("shop/policies.hcl"))
		s.git("alice", "-c gpg.format=ssh -c gpg.ssh.program=remit -c user.signingkey="+s.path("home/alice/keys/alice.pub")+" commit -q -S -a -m Key")
		s.git("alice", "push -q origin main")
		got := s.here("shop", "audit", "log").want(t, code)
		if strings.Contains(got.stderr, "first time") {
			t.Errorf("%s", got.stderr)
		}
	}

	// What the log comes with is another log's, none, or no key.
	for _, content := range []string{other + "\n", "junk\n", ""} {
		s := newShop(t)
		entries, chains := audittest.Story(t)
		files := &logtest.Memory{}
		audittest.Fill(t, files, entries, chains...)
		dir := s.path("log")
		if content == "" {
			delete(files.Files, "key")
		} else {
			files.Files["key"] = []byte(content)
		}
		spread(t, dir, files.Files)
		code := 1
		if content == "" {
			code = 2
		}
		s.here("shop", "audit", "log", "--log", "../log").want(t, code, "hint: ")
	}
	s = newShop(t)
	elsewhere := &log.Log{Store: s.branch("shop.git")}
	if elsewhere.Signer, err = log.NewSigner("github.com/acme/other/audit", logtest.Key(t, "log")); err != nil {
		t.Fatal(err)
	}
	elsewhere.Verifier, _ = elsewhere.Signer.(note.Verifier)
	if _, err := elsewhere.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.git("alice", "fetch -q origin")
	s.here("shop", "audit", "log").want(t, 1, `comes with the key of "github.com/acme/other/audit", and not of github.com/acme/shop/audit`, "hint: ")
	if _, err := os.Stat(s.path("shop/.git/remit/audit.json")); err == nil {
		t.Error("a key that is refused is kept")
	}
}

// spread writes files into a folder.
func spread(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAuditMissing: a log that is not there is no empty one.
func TestAuditMissing(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for _, args := range [][]string{{"log"}, {"show", "0"}, {"verify"}, {"export"}} {
		s.here("shop", append(append([]string{"audit"}, args...), trusted)...).want(t, 2, "there is no audit log", "git fetch origin _audit/log")
		s.here("shop.git", append(append([]string{"audit"}, args...), trusted)...).want(t, 2, "there is no audit log")
	}
	s.here("shop", "audit", "log").want(t, 2, "there is no audit log")
	s.here("shop", "audit", "log", "--log", "nowhere", trusted).want(t, 2, "there is no audit log", "--log")
	s.here(".", "audit", "log").want(t, 2, "no git repository")
	s.here("shop.git", "audit", "log", "--fetch", trusted).want(t, 3, "hint: see that `git ls-remote origin` works here") // its origin is gone
	s.git("alice", "--git-dir ../shop.git remote remove origin")
	s.here("shop.git", "audit", "log", "--fetch", trusted).want(t, 2, "no remote")
}

// TestAuditPin: what was seen is kept by every command; a rollback and another history are refused by all of them,
// with what to do, and a copy that is merely old is told apart by fetching.
func TestAuditPin(t *testing.T) {
	t.Parallel()
	entries, chains := audittest.Story(t)
	reading := [][]string{{"log"}, {"show", "0"}, {"export"}, {"verify"}}
	for name, exchange := range map[string]func(s *shop){
		"rolled back": func(s *shop) {
			s.git("alice", "--git-dir ../shop.git update-ref -d refs/heads/_audit/log")
			audittest.Fill(s.t, s.branch("shop.git"), entries[:5], chains...)
		},
		"another": func(s *shop) {
			s.git("alice", "--git-dir ../shop.git update-ref -d refs/heads/_audit/log")
			audittest.Fill(s.t, s.branch("shop.git"), append(slices.Clone(entries[1:]), entries[0]), chains...)
		},
	} {
		s := recorded(t)
		for _, args := range reading {
			s.here("shop", append(append([]string{"audit"}, args...), trusted)...).want(t, 0)
		}
		exchange(s)
		for _, args := range reading {
			got := s.here("shop", append(append([]string{"audit"}, args...), "--fetch")...).want(t, 1, "hint: ", s.path("shop/.git/remit/audit.json"))
			if got.stdout != "" && args[0] != "verify" {
				t.Errorf("%s: %v prints %s", name, args, got.stdout)
			}
			if args[0] != "verify" && !strings.Contains(got.stderr, name) {
				t.Errorf("%s: %v says %s", name, args, got.stderr)
			}
		}
		s.here("shop", "audit", "log").want(t, 0) // the copy that was fetched before is as it was
	}

	// A copy that is old: bringing it up to date, as it is told, mends it.
	s := recorded(t)
	audittest.Grow(t, s.branch("shop.git"), audittest.Many(t, 100, 110))
	s.here("shop", "audit", "log", "--fetch").want(t, 0)
	s.here("shop", "audit", "log").want(t, 1, "19 entries were seen, and it has 9", "`git fetch origin _audit/log`", "may only be old")
	s.git("alice", "fetch origin _audit/log")
	s.here("shop", "audit", "log").want(t, 0)
	// Without fetching, forward by itself.
	audittest.Grow(t, s.branch("shop.git"), audittest.Many(t, 110, 111))
	s.here("shop.git", "audit", "log", trusted).want(t, 0)
	if _, err := os.Stat(s.path("shop.git/remit")); err == nil {
		t.Error("who reads makes the server's folder")
	}
}

// TestAuditFetch: reading from the remote leaves the clone as it is.
func TestAuditFetch(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	before := snapshot(t, s.path("shop/.git"))
	s.here("shop", "audit", "log", "--fetch", trusted).want(t, 0)
	after := snapshot(t, s.path("shop/.git"))
	delete(after, "remit/audit.json")
	if fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("the clone is another one:\n%v\n%v", before, after)
	}
}

// snapshot is the names and sizes of files below a folder.
func snapshot(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	out := map[string]int64{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			name, _ := filepath.Rel(dir, path)
			out[name] = info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAuditShow: an entry is found by each of its names, with its chain as a tree and its proof, and a receipt of it
// verifies without the log.
func TestAuditShow(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	entries, chains := audittest.Story(t)
	show := func(args ...string) answer {
		return s.here("shop", append([]string{"audit", "show", trusted}, args...)...)
	}
	show("5").want(t, 0, "entry 5 of "+logtest.Origin+", 2026-11-22 14:06:00 UTC\ncoder, delegated by planner for alice, asked to deploy to production",
		"\n  human.alice\n  └─ agent.planner, until", "\n     └─ agent.coder, until 2026-11-22 14:10:00 UTC, for \"SHOP-1412: pay by card\", "+chains[0].Digest(),
		`"production needs a human": 1 of 1 approvals, by human.carol`, "is signed by "+auditKey()+": checked", "1 of 1 delegations are in the log, signed",
		"vouched by  hook, SHA256:", "environment production")
	show("4").want(t, 0, `0 of 1 approvals; not counted: human.alice (who delegated)`, "findings    pending approval-missing")
	show("6").want(t, 0, "(unattested) ", "nobody: it says what somebody claims")
	for _, name := range []string{entries[2].ID, entries[2].Question.Head, audit.Digest(encode(t, entries[2]))} {
		show(name).want(t, 0, "entry 2 of ")
	}
	show(chains[0].Digest()).want(t, 0, "entry 5 of ", "others      4, 1, 0")
	for name, code := range map[string]int{"9": 2, "77777777": 2, "main": 2, "nothing": 2, "": 2, "sha256:ffffffffff": 2} {
		show(name).want(t, code, "hint: ")
	}
	var shown struct {
		Index     int64    `json:"index"`
		Size      int64    `json:"size"`
		Proof     []string `json:"proof"`
		Authority []string `json:"authority"`
		Others    []int64  `json:"others"`
	}
	if err := json.Unmarshal([]byte(show("8", "--format", "json").want(t, 0).stdout), &shown); err != nil || shown.Index != 8 || shown.Size != 9 || len(shown.Proof) != 1 || shown.Others == nil {
		t.Errorf("%+v, %v", shown, err)
	}

	show("1", "--receipt", "one.tlog-proof").want(t, 0)
	sentence := entries[1].Sentence()
	s.here("shop", "verify", "one.tlog-proof").want(t, 0, sentence, "Entry 1 of "+logtest.Origin, "It is in the log of 9 entries")
	if err := os.Rename(s.path("shop/one.tlog-proof"), s.path("one.tlog-proof")); err != nil {
		t.Fatal(err)
	}
	s.here(".", "verify", "one.tlog-proof").want(t, 2, "name the log's key with --key")
	s.here(".", "verify", trusted, "one.tlog-proof").want(t, 0, sentence)
	other, err := log.VerifierKey(logtest.Origin, logtest.Key(t, "other").SSHPublicKey())
	if err != nil {
		t.Fatal(err)
	}
	s.here(".", "verify", "--key", other, "one.tlog-proof").want(t, 1, "not signed by the log's key")
	whole := s.read("one.tlog-proof")
	for i := len("c2sp.org/tlog-proof@v1\n"); i < len(whole); i += 1 + rand.IntN(40) {
		b := []byte(whole)
		b[i] ^= 1
		s.write("bad.tlog-proof", string(b))
		s.here(".", "verify", trusted, "bad.tlog-proof").want(t, 1)
	}
	s.here(".", "verify", trusted, "--format", "json", "one.tlog-proof").want(t, 0, `"valid": true`)
}

func encode(t *testing.T, e *audit.Entry) []byte {
	t.Helper()
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sound is a log of 300 entries in files, with the delegations behind them.
var sound = sync.OnceValue(func() map[string][]byte {
	t := &testing.T{}
	store := &logtest.Memory{}
	entries, chains := audittest.Story(t)
	audittest.Fill(t, store, append(entries, audittest.Many(t, 100, 391)...), append(chains, many(t))...)
	return store.Files
})

func many(t testing.TB) delegation.Chain {
	return delegationtest.MakeChain(t, "human.alice", delegationtest.Step{To: "agent.planner"}, delegationtest.Step{To: "agent.coder"})
}

// verified runs `audit verify` on files.
func (s *shop) verified(files map[string][]byte, args ...string) (answer, verified) {
	s.t.Helper()
	t, _ := s.t.(*testing.T)
	spread(t, s.path("log"), files)
	got := s.here(".", append([]string{"audit", "verify", "--log", "log", trusted, "--format", "json"}, args...)...)
	var v verified
	if err := json.Unmarshal([]byte(got.stdout), &v); err != nil {
		s.t.Fatalf("%v: %s%s", err, got.stdout, got.stderr)
	}
	return got, v
}

type verified struct {
	OK          bool    `json:"ok"`
	Entries     int64   `json:"entries"`
	Unattested  int64   `json:"unattested"`
	Delegations int     `json:"delegations"`
	Seen        []int64 `json:"seen"`
	Faults      []struct {
		Kind  string `json:"kind"`
		Path  string `json:"path"`
		Index *int64 `json:"index"`
		Text  string `json:"text"`
	} `json:"faults"`
}

// TestAuditVerify: a sound log holds; edit, deletion, reorder, fork and truncation are each found, where they are.
func TestAuditVerify(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	if got, v := s.verified(sound()); got.code != 0 || !v.OK || v.Entries != 300 || v.Delegations != 4 || v.Unattested != 2 || len(v.Faults) != 0 {
		t.Fatalf("%+v", v)
	}
	checkpoint := s.path("seen.checkpoint")
	s.here(".", "audit", "verify", "--log", "log", trusted, "--write-checkpoint", "seen.checkpoint").want(t, 0, "holds: 300 entries", "was not seen before", "--write-checkpoint")
	if _, v := s.verified(sound(), "--checkpoint", checkpoint); !slices.Equal(v.Seen, []int64{300}) {
		t.Errorf("%+v", v)
	}
	const first, last = "tile/entries/000", "tile/entries/001.p/44"
	entriesOf := func(b []byte) [][]byte {
		var out [][]byte
		for len(b) > 0 {
			n := int(b[0])<<8 | int(b[1])
			out, b = append(out, b[2:2+n]), b[2+n:]
		}
		return out
	}
	bundleOf := func(entries [][]byte) []byte {
		var out []byte
		for _, e := range entries {
			out = append(append(out, byte(len(e)>>8), byte(len(e))), e...)
		}
		return out
	}
	rebuilt := func(entries []*audit.Entry) func(map[string][]byte) {
		return func(files map[string][]byte) {
			store := &logtest.Memory{}
			_, chains := audittest.Story(t)
			audittest.Fill(t, store, entries, append(chains, many(t))...)
			clear(files)
			for name, b := range store.Files {
				files[name] = b
			}
		}
	}
	story, _ := audittest.Story(t)
	whole := append(slices.Clone(story), audittest.Many(t, 100, 391)...)
	for name, tt := range map[string]struct {
		change func(files map[string][]byte)
		kind   string // of one of the faults
		path   string
		index  int64 // -1: of no single entry
	}{
		"edit": {func(f map[string][]byte) {
			f[first] = bytes.Replace(f[first], []byte("Pay by card"), []byte("Pay by cash"), 1)
		}, "altered", first, 0},
		"deletion": {func(f map[string][]byte) {
			e := entriesOf(f[first])
			f[first] = bundleOf(append(e[:7:7], e[8:]...))
		}, "bundle", first, -1},
		"deletion that is filled": {func(f map[string][]byte) {
			e := entriesOf(f[first])
			e[7] = e[8]
			f[first] = bundleOf(e)
		}, "altered", first, 7},
		"reorder": {func(f map[string][]byte) {
			e := entriesOf(f[first])
			e[20], e[21] = e[21], e[20]
			f[first] = bundleOf(e)
		}, "moved", first, 20},
		"file of entries": {func(f map[string][]byte) { delete(f, last) }, "bundle", last, -1},
		"file of hashes":  {func(f map[string][]byte) { delete(f, "tile/0/000") }, "tile", "tile/0/000", -1},
		"no checkpoint":   {func(f map[string][]byte) { delete(f, "checkpoint") }, "", "", -1},
		"delegation":      {func(f map[string][]byte) { delete(f, log.BundlePath(many(t).Digest())) }, "delegation", log.BundlePath(many(t).Digest()), 9},
		"key":             {func(f map[string][]byte) { f["key"] = []byte(strings.Replace(string(f["key"]), "shop", "shoq", 1)) }, "key", "key", -1},
		"truncation":      {rebuilt(whole[:200]), "rollback", "checkpoint", -1},
		"fork":            {rebuilt(append(slices.Clone(whole[1:]), whole[0])), "fork", "checkpoint", -1},
		"fork, longer":    {rebuilt(append(slices.Clone(whole[1:]), audittest.Many(t, 500, 600)...)), "fork", "checkpoint", -1},
	} {
		files := map[string][]byte{}
		for name, b := range sound() {
			files[name] = bytes.Clone(b)
		}
		tt.change(files)
		if name == "no checkpoint" {
			spread(t, s.path("log"), files)
			s.here(".", "audit", "verify", "--log", "log", trusted).want(t, 1, "no checkpoint", "hint: keep a copy")
			continue
		}
		got, v := s.verified(files, "--checkpoint", checkpoint)
		found := false
		for _, f := range v.Faults {
			found = found || f.Kind == tt.kind && f.Path == tt.path && (tt.index < 0) == (f.Index == nil) && (f.Index == nil || *f.Index == tt.index)
		}
		if got.code != 1 || v.OK || !found {
			t.Errorf("%s: exit %d, %s", name, got.code, got.stdout)
		}
		text := s.here(".", "audit", "verify", "--log", "log", trusted, "--checkpoint", checkpoint, "--write-checkpoint", "bad.checkpoint").want(t, 1, "does not hold", "✗ "+tt.kind, "hint: ")
		if _, err := os.Stat(s.path("bad.checkpoint")); err == nil {
			t.Errorf("%s: a checkpoint is written of a log that does not hold: %s", name, text.stdout)
		}
	}
	// It went on: nothing is wrong.
	files := map[string][]byte{}
	rebuilt(append(slices.Clone(whole), audittest.Many(t, 500, 600)...))(files)
	if got, v := s.verified(files, "--checkpoint", checkpoint); got.code != 0 || !v.OK {
		t.Errorf("%s", got.stdout)
	}
	s.write("other.checkpoint", "junk")
	s.here(".", "audit", "verify", "--log", "log", trusted, "--checkpoint", "other.checkpoint").want(t, 1, "--write-checkpoint")
}

// TestAuditVerifyEveryByte: whatever byte of whatever file is altered, verify says which file.
func TestAuditVerifyEveryByte(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	spread(t, s.path("log"), sound())
	for name, whole := range sound() {
		stride := max(1, len(whole)/4)
		if strings.HasPrefix(name, "index/") {
			if rand.IntN(20) > 0 { // they are many, and alike
				continue
			}
			stride = 40
		}
		for at := rand.IntN(stride); at < len(whole); at += stride {
			b := bytes.Clone(whole)
			b[at] ^= byte(1 + rand.IntN(255))
			s.write("log/"+name, string(b))
			got := s.here(".", "audit", "verify", "--log", "log", trusted)
			if got.code != 1 || !regexp.MustCompile(`(?m)^✗ [a-z-]+ `+regexp.QuoteMeta(name)+`: `).MatchString(got.stdout) {
				t.Errorf("byte %d of %s: exit %d, %s%s", at, name, got.code, got.stdout, got.stderr)
			}
		}
		s.write("log/"+name, string(whole))
	}
	s.here(".", "audit", "verify", "--log", "log", trusted).want(t, 0)
}

// TestAuditFollow: what comes is printed as it comes, from a remote that is looked at again, until a signal, which is no
// error; where the log is exchanged meanwhile, it ends with what is wrong.
func TestAuditFollow(t *testing.T) {
	t.Parallel()
	for _, exchanged := range []bool{false, true} {
		s := recorded(t)
		store := s.branch("shop.git")
		ctx, cancel := context.WithCancel(t.Context())
		var out, errs bytes.Buffer
		env := s.env("shop", &out, &errs)
		step := 0
		env.Wait = func(context.Context, time.Duration) error {
			step++
			switch step {
			case 1:
				audittest.Grow(t, store, audittest.Many(t, 100, 102))
			case 2:
				if exchanged {
					s.git("alice", "--git-dir ../shop.git update-ref -d refs/heads/_audit/log")
					audittest.Fill(t, store, audittest.Many(t, 200, 220))
				}
			case 4:
				cancel()
			}
			return nil
		}
		code := cli.Run(ctx, env, []string{"audit", "log", trusted, "-f", "-n", "3", "--agent", "coder"})
		cancel()
		var indexes []string
		for line := range strings.Lines(out.String()) {
			indexes = append(indexes, strings.Fields(line)[0])
		}
		want := 0
		if exchanged {
			want = 1
		}
		if code != want || strings.Join(indexes, " ") != "1 4 5 9 10" || exchanged != strings.Contains(errs.String(), "another one than was seen before") {
			t.Errorf("exit %d, %v, %s", code, indexes, errs.String())
		}
	}
}

// TestAuditExport: each form is written whole, with the filters of log.
func TestAuditExport(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	for form, line := range map[string]*regexp.Regexp{
		"jsonl": regexp.MustCompile(`(?m)^\{"version":1,"index":\d+,`), "ocsf": regexp.MustCompile(`(?m)^\{"activity_id":`), "html": regexp.MustCompile(`(?m)^<tr role="row"><th role="rowheader" scope="row"`),
	} {
		for want, flags := range map[int][]string{9: nil, 4: {"--agent", "coder"}, 2: {"-n", "2"}, 0: {"--rule", "nothing"}} {
			got := s.here("shop", append([]string{"audit", "export", trusted, "--format", form}, flags...)...).want(t, 0)
			if n := len(line.FindAllString(got.stdout, -1)); n != want {
				t.Errorf("%s %v: %d entries, want %d", form, flags, n, want)
			}
		}
	}
	s.here("shop", "audit", "export", trusted, "--format", "xml").want(t, 2)
	page := s.here("shop", "audit", "export", trusted, "--format", "html", "--path", "<b>*", "--agent", "coder").want(t, 0, "agent coder", "</html>")
	if strings.Contains(page.stdout, "<b>") {
		t.Error("a filter is HTML")
	}
}

// TestAuditCompletion: flags and digests.
func TestAuditCompletion(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"audit", ""}, "verify"},
		{[]string{"audit", "log", "--agent", ""}, "coder"},
		{[]string{"audit", "log", "--human", ""}, "alice"},
		{[]string{"audit", "log", "--environment", ""}, "production"},
		{[]string{"audit", "log", "--verdict", ""}, "undecided"},
		{[]string{"audit", "log", "--rule", ""}, "scope-path"},
		{[]string{"audit", "log", "--remote", ""}, "origin"},
		{[]string{"audit", "log", "--format", ""}, "jsonl"},
		{[]string{"audit", "export", "--format", ""}, "ocsf"},
	} {
		got := s.here("shop", append([]string{"__complete"}, tt.args...)...).want(t, 0)
		if !regexp.MustCompile(`(?m)^` + tt.want + `(\t|$)`).MatchString(got.stdout) {
			t.Errorf("%v: %s", tt.args, got.stdout)
		}
	}
}

// BenchmarkAuditLog lists 100,000 entries.
func BenchmarkAuditLog(b *testing.B) {
	s := newShop(b)
	store := folder.Open(s.path("log"))
	audittest.Fill(b, store, audittest.Many(b, 0, 100_000))
	for _, args := range [][]string{{"log", "-n", "20"}, {"log"}, {"log", "--path", "nothing/**"}, {"show", "77"}, {"export", "--format", "ocsf"}, {"export", "--format", "html"}, {"verify"}} {
		b.Run(strings.Join(args, " "), func(b *testing.B) {
			for b.Loop() {
				var out counter
				var errs bytes.Buffer
				code := cli.Run(b.Context(), s.env(".", &out, &errs), append([]string{"audit"}, append(args, "--log", "log", trusted)...))
				if code != 0 {
					b.Fatal(errs.String())
				}
				b.ReportMetric(float64(out), "bytes")
			}
		})
	}
}

type counter int

func (c *counter) Write(b []byte) (int, error) { *c += counter(len(b)); return len(b), nil }

// TestAuditGuide: the commands by which docs/audit.md tells of reading the log are those that its script runs.
func TestAuditGuide(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile("testdata/script/audit-read.txtar")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(page), "\n## Reading the log\n")
	section, _, _ = strings.Cut(section, "\n## ")
	shown := regexp.MustCompile(`(?m)^\$ (.*)$`).FindAllStringSubmatch(section, -1)
	if !ok || len(shown) < 10 {
		t.Fatalf("%d commands", len(shown))
	}
	for _, m := range shown {
		if m[1] == "remit audit serve" {
			continue // it does not end by itself: TestAuditServe runs it
		}
		if line := "\nsh '" + strings.ReplaceAll(m[1], "'", `"`) + "'\n"; !strings.Contains(string(script), line) {
			t.Errorf("the script does not run %s", m[1])
		}
	}
}
