package bench

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/signing/gitobject"
	"github.com/remit-sh/remit/signing/keystore"
)

// top is where everything of a run lies. TestMain removes it.
var top string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "remit-bench-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	top = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// programs are built once a run.
type programs struct {
	remit string // as it is released: static, without paths and symbols
	empty string // a Go program that does nothing: what any process costs
	peak  string // runs a program and prints its peak memory
}

var built = sync.OnceValues(func() (programs, error) {
	p := programs{filepath.Join(top, "remit"), filepath.Join(top, "empty"), filepath.Join(top, "peak")}
	for _, b := range []struct{ out, source string }{
		{p.remit, "../cmd/remit"}, {p.empty, "testdata/empty.go"}, {p.peak, "testdata/peak.go"},
	} {
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.out, b.source)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return p, fmt.Errorf("building %s: %w\n%s", b.source, err, out)
		}
	}
	return p, nil
})

func build(tb testing.TB) programs {
	tb.Helper()
	p, err := built()
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// environ is nobody's configuration and only our keys.
func environ(extra ...string) []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(top, "home"), "REMIT_HOME=" + filepath.Join(top, "home"),
		"GIT_CONFIG_GLOBAL=" + filepath.Join(top, "gitconfig"), "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C", "TMPDIR=" + os.TempDir(),
	}, extra...)
}

// repository is a directory that programs are run in.
type repository struct {
	tb  testing.TB
	dir string
	env []string
}

func (r repository) run(name string, args ...string) string {
	r.tb.Helper()
	return r.input("", name, args...)
}

func (r repository) input(stdin, name string, args ...string) string {
	r.tb.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = r.dir, environ(r.env...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		r.tb.Fatalf("%s %s: %v\n%.2000s%s", name, strings.Join(args, " "), err, out, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

func (r repository) write(name, content string) {
	r.tb.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(content), 0o600); err != nil {
		r.tb.Fatal(err)
	}
}

// people are who signs in every repository here: a human, who delegates to a planner, who passes a
// part on to a coder.
var people = []string{"alice", "planner", "coder"}

// makeKeys makes everybody's keys and the settings that all git commands here go by.
var makeKeys = sync.OnceValue(func() error {
	if err := os.MkdirAll(filepath.Join(top, "home"), 0o700); err != nil {
		return err
	}
	p, err := built()
	if err != nil {
		return err
	}
	var allowed strings.Builder
	for _, who := range people {
		cmd := exec.Command(p.remit, "key", "new", who)
		cmd.Env = environ()
		out, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("making the key of %s: %w", who, err)
		}
		fmt.Fprintf(&allowed, "%s@shop.example %s", who, out)
	}
	if err := os.WriteFile(signersFile(), []byte(allowed.String()), 0o600); err != nil {
		return err
	}
	settings := "[user]\n\tname = Coder\n\temail = coder@shop.example\n[init]\n\tdefaultBranch = main\n" +
		"[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n[advice]\n\tdetachedHead = false\n" +
		"[gpg]\n\tformat = ssh\n[gpg \"ssh\"]\n\tallowedSignersFile = " + signersFile() + "\n"
	return os.WriteFile(filepath.Join(top, "gitconfig"), []byte(settings), 0o600)
})

func signersFile() string { return filepath.Join(top, "allowed_signers") }

func keyFile(who string) string { return filepath.Join(top, "home", "keys", who) }

func signerOf(tb testing.TB, who string) signing.Signer {
	tb.Helper()
	s, err := keystore.Open(filepath.Join(top, "home", "keys")).Load(who, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// policySource is a policy of usual size. The coder's key is minted: that is the longer way.
func policySource(tb testing.TB) string {
	tb.Helper()
	template, err := os.ReadFile("testdata/policies.hcl")
	if err != nil {
		tb.Fatal(err)
	}
	text := string(template)
	for _, who := range people {
		text = strings.ReplaceAll(text, "@"+who+"@", signerOf(tb, who).SSHPublicKey().AuthorizedKey())
	}
	return text
}

// shop is a packed repository: a history on main, whose last commit brings the policy, signed by
// alice; and on agent/pay commits that the coder signed under a delegation.
type shop struct {
	repository

	base, head string // the range of signed commits
	delegation string
}

var (
	shopsMu sync.Mutex
	shops   = map[string]shop{}
)

// newShop makes a shop of so many commits of history and so many signed ones, once a run.
func newShop(tb testing.TB, history, signed int) shop {
	tb.Helper()
	shopsMu.Lock()
	defer shopsMu.Unlock()
	name := fmt.Sprintf("shop-%d-%d", history, signed)
	if s, ok := shops[name]; ok {
		s.tb = tb
		return s
	}
	if err := makeKeys(); err != nil {
		tb.Fatal(err)
	}
	remit := build(tb).remit
	s := shop{repository: repository{tb: tb, dir: filepath.Join(top, name)}}
	repository{tb: tb, dir: top}.run("git", "init", "-q", s.dir)

	i := newImporter(history)
	i.history(policySource(tb))
	s.input(i.stream.String(), "git", "fast-import", "--quiet")
	s.base = s.sign("main~1", "main", signerOf(tb, "alice"))

	planner := s.run(remit, "delegate", "planner", "--as", "alice", "--for", "8h", "--why", "SHOP-1412", "--action", "commit",
		"--branch", "agent/**", "--path", "src/**", "--path", "test/**", "--depth", "1")
	s.delegation = s.run(remit, "delegate", "coder", "--as", "planner", "--parent", planner, "--for", "7h", "--why", "SHOP-1412: pay by card",
		"--action", "commit", "--branch", "agent/**", "--path", "src/**", "--path", "test/**", "--to-key", keyFile("coder")+".pub")

	i.stream.Reset()
	i.signed(signed, s.delegation)
	s.input(i.stream.String(), "git", "fast-import", "--quiet")
	s.head = s.sign("main", "agent/pay", signerOf(tb, "coder"))
	s.run("git", "repack", "-adq")
	shops[name] = s
	return s
}

// revisions is the range of the first n signed commits.
func (s shop) revisions(n int) string {
	s.tb.Helper()
	total, err := strconv.Atoi(s.run("git", "rev-list", "--count", s.base+".."+s.head))
	if err != nil {
		s.tb.Fatal(err)
	}
	return s.base + ".." + s.run("git", "rev-parse", fmt.Sprintf("%s~%d", s.head, total-n))
}

// sign signs the commits of base..branch one after the other, moves the branch to the result, and
// returns it. git would start ssh-keygen for each.
func (s shop) sign(base, branch string, signer signing.Signer) string {
	s.tb.Helper()
	cmd := exec.Command("git", "cat-file", "--batch")
	cmd.Dir, cmd.Env = s.dir, environ()
	cmd.Stdin = strings.NewReader(s.run("git", "rev-list", "--reverse", base+".."+branch) + "\n")
	out, err := cmd.Output()
	if err != nil {
		s.tb.Fatal(err)
	}
	r := bufio.NewReader(bytes.NewReader(out))
	before, after := "", s.run("git", "rev-parse", base)
	for {
		raw, id, err := readBatch(r)
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			s.tb.Fatal(err)
		}
		if before != "" {
			raw = bytes.Replace(raw, []byte("parent "+before), []byte("parent "+after), 1)
		}
		armored, err := signing.SignSSHSIG(signer, signing.NamespaceGit, raw)
		if err != nil {
			s.tb.Fatal(err)
		}
		signed, err := gitobject.WithSignature(raw, armored)
		if err != nil {
			s.tb.Fatal(err)
		}
		before, after = id, s.writeCommit(signed)
	}
	s.run("git", "update-ref", "refs/heads/"+branch, after)
	return after
}

// readBatch reads one object of `git cat-file --batch`.
func readBatch(r *bufio.Reader) (raw []byte, id string, err error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, "", err
	}
	var kind string
	var size int
	if _, err := fmt.Sscan(line, &id, &kind, &size); err != nil {
		return nil, "", err
	}
	raw = make([]byte, size+1)
	if _, err := io.ReadFull(r, raw); err != nil {
		return nil, "", err
	}
	return raw[:size], id, nil
}

// writeCommit writes a loose object, as gitformat-loose(5) has it, and returns its name.
func (s shop) writeCommit(raw []byte) string {
	s.tb.Helper()
	object := append(fmt.Appendf(nil, "commit %d\x00", len(raw)), raw...)
	sum := sha1.Sum(object)
	id := hex.EncodeToString(sum[:])
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	if _, err := z.Write(object); err != nil {
		s.tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		s.tb.Fatal(err)
	}
	dir := filepath.Join(s.dir, ".git", "objects", id[:2])
	if err := os.MkdirAll(dir, 0o700); err != nil {
		s.tb.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, id[2:]), b.Bytes(), 0o400); err != nil {
		s.tb.Fatal(err)
	}
	return id
}

// importer writes what `git fast-import` reads.
type importer struct {
	commits int // of history
	random  *rand.Rand
	now     int64
	stream  bytes.Buffer
	files   []string // that the coder may touch
	made    int
}

func newImporter(commits int) *importer {
	return &importer{commits: commits, random: rand.New(rand.NewPCG(7, uint64(commits))), now: time.Now().Unix()}
}

// Of the files that a history starts with.
const (
	startFiles = 200
	foreign    = 40 // of them under paths that are not delegated
)

// history writes commits to main, an hour apart, of which the first has about 200 files in nested
// directories, each other changes two or three, and the last brings the policy.
func (i *importer) history(policy string) {
	other := []string{}
	for n := range startFiles {
		switch {
		case n < foreign/2:
			other = append(other, fmt.Sprintf("deploy/%s/%d/app.yaml", []string{"staging", "production"}[n%2], n))
		case n < foreign:
			other = append(other, fmt.Sprintf("docs/part%d/page%d.md", n%4, n))
		case n%4 == 0:
			i.files = append(i.files, fmt.Sprintf("test/d%d/case%d_test.go", n%7, n))
		default:
			i.files = append(i.files, fmt.Sprintf("src/d%d/part%d/file%d.go", n%12, n%3, n))
		}
	}
	for n := range i.commits {
		i.commit("main", "Alice <alice@shop.example>", i.now-3600*int64(i.commits-n), fmt.Sprintf("Change the shop, part %d\n\nAs asked for.\n", n))
		if n == 0 {
			for _, f := range append(other, i.files...) {
				i.file(f)
			}
		}
		i.file(i.files[i.random.IntN(len(i.files))])
		i.file(i.files[i.random.IntN(len(i.files))])
		if n%3 == 0 {
			i.file(other[i.random.IntN(len(other))])
		}
		if n == i.commits-1 {
			fmt.Fprintf(&i.stream, "M 100644 inline policies.hcl\ndata %d\n%s\n", len(policy), policy)
		}
	}
}

// signed writes the coder's commits to agent/pay. Each changes a few files; some add, remove or move
// one, or make one executable.
func (i *importer) signed(commits int, delegation string) {
	for n := range commits {
		body := strings.Repeat("The shop needs it, for one reason or another.\n", i.random.IntN(5))
		message := fmt.Sprintf("Pay by card, step %d\n\n%s\nDelegation: %s\n", n, body, delegation)
		i.commit("agent/pay", "Coder <coder@shop.example>", i.now, message)
		if n == 0 {
			i.stream.WriteString("from refs/heads/main^0\n")
		}
		at := i.random.IntN(len(i.files) - 8) // neighbours, as changes that belong together are
		for k := range 1 + i.random.IntN(5) {
			i.file(i.files[at+k])
		}
		last := at + 7
		switch n % 10 {
		case 3:
			i.files = append(i.files, fmt.Sprintf("src/d%d/new%d/file%d.go", i.random.IntN(12), n%5, n))
			i.file(i.files[len(i.files)-1])
		case 5:
			to := fmt.Sprintf("test/moved%d/file%d_test.go", n%5, n)
			fmt.Fprintf(&i.stream, "R %s %s\n", i.files[last], to)
			i.files[last] = to
		case 7:
			fmt.Fprintf(&i.stream, "D %s\n", i.files[last])
			i.files = append(i.files[:last], i.files[last+1:]...)
		}
	}
}

func (i *importer) commit(branch, who string, date int64, message string) {
	fmt.Fprintf(&i.stream, "commit refs/heads/%s\nauthor %s %d +0000\ncommitter %s %d +0000\ndata %d\n%s\n",
		branch, who, date, who, date, len(message), message)
}

func (i *importer) file(name string) {
	i.made++
	var b strings.Builder
	fmt.Fprintf(&b, "package x // %s %d\n", name, i.made)
	for range 20 {
		fmt.Fprintf(&b, "const line%d = %d\n", i.random.IntN(100), i.random.IntN(1000))
	}
	fmt.Fprintf(&i.stream, "M 100644 inline %s\ndata %d\n%s\n", name, b.Len(), b.String())
}
