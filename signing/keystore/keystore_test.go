package keystore

import (
	"bytes"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/remit-sh/remit/signing"
)

func newStore(t *testing.T) *Store {
	t.Helper()
	return Open(filepath.Join(t.TempDir(), "remit", "keys"))
}

func mustNew(t *testing.T, s *Store, name string, passphrase []byte) signing.PublicKey {
	t.Helper()
	k, err := s.New(name, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func unixOnly(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
}

func TestStore(t *testing.T) {
	for name, passphrase := range map[string][]byte{"plain": nil, "encrypted": []byte("open sesame")} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			if list, err := s.List(); err != nil || list != nil {
				t.Errorf("before there is a folder: %q, %v", list, err)
			}
			if _, err := s.Load("coder", nil); !errors.Is(err, ErrNoKey) {
				t.Errorf("before there is a key: %v", err)
			}
			k := mustNew(t, s, "coder", passphrase)
			if k.AgentKey() != nil || k.Comment() != "coder" {
				t.Errorf("made %v %q", k, k.Comment())
			}
			signer, err := s.Load("coder", passphrase)
			if err != nil {
				t.Fatal(err)
			}
			if !signer.SSHPublicKey().Equal(k) {
				t.Error("another key was loaded")
			}
			if _, err := signing.SignSSHSIG(signer, signing.NamespaceGit, []byte("x")); err != nil {
				t.Error(err)
			}
			if public, err := s.Public("coder"); err != nil || !public.Equal(k) || public.Comment() != "coder" {
				t.Errorf("Public: %v, %v", public, err)
			}
			if passphrase != nil {
				for _, wrong := range []string{"", "open Sesame"} {
					if _, err := s.Load("coder", []byte(wrong)); !errors.Is(err, ErrPassphrase) {
						t.Errorf("with the passphrase %q: %v", wrong, err)
					}
				}
				if _, err := LoadFile(s.Path("coder"), nil); !errors.Is(err, ErrPassphrase) {
					t.Errorf("with no passphrase: %v", err)
				}
			}
			pub, err := os.ReadFile(s.Path("coder") + ".pub")
			if err != nil || string(pub) != k.AuthorizedKey()+" coder\n" {
				t.Errorf("coder.pub holds %q, %v", pub, err)
			}
			// The .pub file is a convenience: nothing depends on it.
			if err := os.WriteFile(s.Path("coder")+".pub", []byte("ssh-ed25519 AAAA mallory\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if public, err := s.Public("coder"); err != nil || !public.Equal(k) {
				t.Errorf("Public believes the .pub file: %v, %v", public, err)
			}
			if err := os.Remove(s.Path("coder") + ".pub"); err != nil {
				t.Fatal(err)
			}
			if public, err := s.Public("coder"); err != nil || !public.Equal(k) {
				t.Errorf("Public without the .pub file: %v, %v", public, err)
			}
			if _, err := s.Load("coder", passphrase); err != nil {
				t.Errorf("Load without the .pub file: %v", err)
			}
		})
	}
}

func TestNamesOfKeys(t *testing.T) {
	s := newStore(t)
	for _, name := range []string{"", ".", "..", "../x", "a/b", "Coder", "coder.pub", ".remit-1.tmp", ".unfinished-1", "cödér", "a b", strings.Repeat("a", 64)} {
		if _, err := s.New(name, nil); err == nil {
			t.Errorf("made %q", name)
		}
		if _, err := s.Load(name, nil); err == nil || errors.Is(err, ErrNoKey) {
			t.Errorf("loaded %q: %v", name, err)
		}
		if _, err := s.Public(name); err == nil || errors.Is(err, ErrNoKey) {
			t.Errorf("read %q: %v", name, err)
		}
	}
	mustNew(t, s, "a", nil)
	mustNew(t, s, strings.Repeat("a", 63), nil)
}

func TestNewNeverReplaces(t *testing.T) {
	s := newStore(t)
	mustNew(t, s, "coder", nil)
	before, err := os.ReadFile(s.Path("coder"))
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string) {
		t.Helper()
		if _, err := s.New("coder", nil); !errors.Is(err, ErrExists) {
			t.Errorf("%s: %v", what, err)
		}
		if after, err := os.ReadFile(s.Path("coder")); err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s: the key was replaced (%v)", what, err)
		}
	}
	check("over a key")
	if err := os.Remove(s.Path("coder") + ".pub"); err != nil {
		t.Fatal(err)
	}
	check("over a key without .pub")
	if _, err := os.Stat(s.Path("coder") + ".pub"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a .pub that does not belong to the key was written")
	}

	// A .pub alone may be of a key in ssh-agent.
	if err := os.WriteFile(s.Path("planner")+".pub", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.New("planner", nil); !errors.Is(err, ErrExists) {
		t.Errorf("over a .pub: %v", err)
	}
	if _, err := os.Stat(s.Path("planner")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("half a key was made over a .pub")
	}
	// Not even a link that leads nowhere.
	if err := os.Symlink(filepath.Join(t.TempDir(), "elsewhere"), s.Path("linked")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.New("linked", nil); !errors.Is(err, ErrExists) {
		t.Errorf("over a link: %v", err)
	}
	leftOver(t, s.dir)
}

// Of many that make one key at once, one does.
func TestNewOnceUnderRace(t *testing.T) {
	s := newStore(t)
	var wg sync.WaitGroup
	made := make(chan signing.PublicKey, 16)
	for range cap(made) {
		wg.Go(func() {
			k, err := s.New("coder", nil)
			if err == nil {
				made <- k
			} else if !errors.Is(err, ErrExists) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	close(made)
	if len(made) != 1 {
		t.Fatalf("%d keys were made", len(made))
	}
	if k, err := s.Public("coder"); err != nil || !k.Equal(<-made) {
		t.Errorf("another key is there: %v", err)
	}
	leftOver(t, s.dir)
}

// tempPrefix begins the names of unfinished files.
const tempPrefix = ".remit-"

func leftOver(t *testing.T, dir string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, tempPrefix+"*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left over: %q, %v", left, err)
	}
}

// A process that was killed leaves a temporary file, whole or not, and perhaps a key without .pub.
func TestLeftoversOfAKilledProcess(t *testing.T) {
	s := newStore(t)
	k := mustNew(t, s, "coder", nil)
	for name, data := range map[string]string{
		tempPrefix + "123":        "-----BEGIN OPENSSH PRIV",
		tempPrefix + "planner":    "",
		"readme.txt":              "x",
		"UPPER":                   "x",
		".hidden":                 "x",
		tempPrefix + "coder-1234": "x",
	} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(s.dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(s.Path("coder"), s.Path("link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(s.Path("coder") + ".pub"); err != nil {
		t.Fatal(err)
	}
	mustNew(t, s, "another", nil)
	if list, err := s.List(); err != nil || !slices.Equal(list, []string{"another", "coder"}) {
		t.Errorf("List: %q, %v", list, err)
	}
	if public, err := s.Public("coder"); err != nil || !public.Equal(k) {
		t.Errorf("Public: %v, %v", public, err)
	}
}

func TestUnsafeFiles(t *testing.T) {
	unixOnly(t)
	s := newStore(t)
	mustNew(t, s, "coder", nil)
	path := s.Path("coder")
	for _, m := range []fs.FileMode{0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o666} {
		if err := os.Chmod(path, m); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Load("coder", nil); !errors.Is(err, ErrUnsafeFile) {
			t.Errorf("mode %o: %v", m, err)
		}
		if _, err := s.Public("coder"); !errors.Is(err, ErrUnsafeFile) {
			t.Errorf("mode %o: %v", m, err)
		}
	}
	for _, m := range []fs.FileMode{0o600, 0o400} {
		if err := os.Chmod(path, m); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Load("coder", nil); err != nil {
			t.Errorf("mode %o: %v", m, err)
		}
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for what, path := range map[string]string{"a link": link, "a folder": s.dir, "a device": os.DevNull} {
		if _, err := LoadFile(path, nil); !errors.Is(err, ErrUnsafeFile) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, m := range []fs.FileMode{0o720, 0o702, 0o777} {
		if err := os.Chmod(s.dir, m); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Load("coder", nil); !errors.Is(err, ErrUnsafeFile) {
			t.Errorf("folder with mode %o: %v", m, err)
		}
		if _, err := s.New("other", nil); !errors.Is(err, ErrUnsafeFile) {
			t.Errorf("folder with mode %o: %v", m, err)
		}
	}
	if err := os.Chmod(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load("coder", nil); err != nil {
		t.Errorf("folder with mode 755: %v", err)
	}
}

func TestFilesThatAreNoKeys(t *testing.T) {
	s := newStore(t)
	mustNew(t, s, "coder", nil)
	good, err := os.ReadFile(s.Path("coder"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, data := range map[string][]byte{
		"empty":       {},
		"text":        []byte("hello"),
		"two blocks":  append(bytes.Clone(good), good...),
		"text before": append([]byte("hello\n"), good...),
		"text behind": append(bytes.Clone(good), "hello"...),
		"too long":    append(bytes.Clone(good), bytes.Repeat([]byte("\n"), maxFile)...),
		"cut":         good[:len(good)/2],
		"other PEM":   pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}),
		"public key":  []byte("ssh-ed25519 AAAA"),
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if signer, err := LoadFile(path, nil); err == nil || signer != nil {
			t.Errorf("%s: loaded", name)
		}
		if k, err := PublicFile(path); err == nil || !k.IsZero() {
			t.Errorf("%s: read", name)
		}
	}
	path := filepath.Join(dir, "with a line break behind")
	if err := os.WriteFile(path, append(bytes.Clone(good), '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadFile(path, nil); err != nil {
		t.Error(err)
	}
}

// Keys of ssh-keygen load here, with and without a passphrase; keys made here load there.
func TestInteropWithSSHKeygen(t *testing.T) {
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("ssh-keygen is not installed: install openssh-client to compare with it")
	}
	run := func(args ...string) string {
		t.Helper()
		var stderr bytes.Buffer
		cmd := exec.CommandContext(t.Context(), keygen, args...)
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("ssh-keygen %q: %v: %s", args, err, stderr.String())
		}
		return strings.TrimSpace(string(out))
	}
	dir := t.TempDir()
	for _, args := range [][]string{
		{"-t", "ed25519"},
		{"-t", "ecdsa"},
		{"-t", "rsa", "-b", "2048"},
		{"-t", "rsa", "-b", "2048", "-m", "PEM"},
	} {
		for _, passphrase := range []string{"", "open sesame"} {
			path := filepath.Join(dir, strings.Join(args, "")+passphrase)
			run(append(args, "-q", "-a", "1", "-C", "x", "-N", passphrase, "-f", path)...)
			signer, err := LoadFile(path, []byte(passphrase))
			if err != nil {
				t.Errorf("%q with passphrase %q: %v", args, passphrase, err)
				continue
			}
			line, err := os.ReadFile(path + ".pub")
			if err != nil {
				t.Fatal(err)
			}
			want, err := signing.ParseAuthorizedKey(string(line))
			if err != nil || !signer.SSHPublicKey().Equal(want) {
				t.Errorf("%q: another key, %v", args, err)
			}
			if _, err := signing.SignSSHSIG(signer, signing.NamespaceGit, []byte("x")); err != nil {
				t.Error(err)
			}
			k, err := PublicFile(path)
			if passphrase != "" && slices.Contains(args, "PEM") {
				if !errors.Is(err, ErrPassphrase) {
					t.Errorf("the public half of an old encrypted file: %v", err)
				}
			} else if err != nil || !k.Equal(want) {
				t.Errorf("%q: PublicFile: %v", args, err)
			}
		}
	}
	s := newStore(t)
	for name, passphrase := range map[string]string{"plain": "", "encrypted": "open sesame"} {
		k := mustNew(t, s, name, []byte(passphrase))
		if out := run("-y", "-P", passphrase, "-f", s.Path(name)); out != k.AuthorizedKey()+" "+name {
			t.Errorf("ssh-keygen -y prints %q", out)
		}
	}
}

func TestLoadRefusesShortRSA(t *testing.T) {
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("ssh-keygen is not installed: install openssh-client to make the key")
	}
	path := filepath.Join(t.TempDir(), "short")
	cmd := exec.CommandContext(t.Context(), keygen, "-q", "-t", "rsa", "-b", "1024", "-N", "", "-f", path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("this ssh-keygen makes no short RSA keys: %s", out)
	}
	if _, err := LoadFile(path, nil); !errors.Is(err, signing.ErrKeyRefused) {
		t.Errorf("an RSA key of 1024 bits: %v", err)
	}
}
