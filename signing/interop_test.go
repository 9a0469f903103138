package signing

import (
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// keygenKey makes a key with ssh-keygen and returns its path and a Signer of it.
func keygenKey(t *testing.T, keygen, dir string, args ...string) (string, Signer) {
	t.Helper()
	path := filepath.Join(dir, "key-"+strings.Join(args, ""))
	if out, err := runKeygen(t, keygen, nil, nil, append([]string{"-q", "-N", "", "-C", "", "-f", path, "-t"}, args...)...); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := ssh.ParseRawPrivateKey(data)
	if err != nil {
		t.Fatal(err)
	}
	var s Signer
	if ed, ok := raw.(*ed25519.PrivateKey); ok {
		s, err = NewEd25519Signer(*ed)
	} else {
		s, err = NewSSHSigner(sshSignerOf(t, raw))
	}
	if err != nil {
		t.Fatal(err)
	}
	return path, s
}

// Signed there and verified here, signed here and verified there, with the same words about it.
func TestInteropWithSSHKeygen(t *testing.T) {
	keygen := sshKeygen(t)
	message := []byte("tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\nsay hello\n")
	for name, args := range map[string][]string{
		"ed25519":  {"ed25519"},
		"rsa":      {"rsa", "-b", "2048"},
		"ecdsa256": {"ecdsa", "-b", "256"},
		"ecdsa384": {"ecdsa", "-b", "384"},
		"ecdsa521": {"ecdsa", "-b", "521"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			key, signer := keygenKey(t, keygen, dir, args...)
			k := signer.SSHPublicKey()

			if out, err := runKeygen(t, keygen, nil, nil, "-l", "-f", key); err != nil || !strings.Contains(out, " "+k.Fingerprint()+" ") {
				t.Errorf("fingerprint %s there, %s here", out, k.Fingerprint())
			}
			// Several namespace lengths, for every way in which the last line of the armor can end.
			for n := range 70 {
				namespace := "git" + strings.Repeat("x", n)
				if n > 0 && name != "ed25519" {
					break
				}
				theirs, err := runKeygen(t, keygen, message, nil, "-q", "-Y", "sign", "-n", namespace, "-f", key)
				if err != nil {
					t.Fatal(err)
				}
				if err := mustParse(t, []byte(theirs)).VerifyWith(k, message, namespace); err != nil {
					t.Errorf("signed there, refused here: %v", err)
				}
				if ours := mustSign(t, signer, namespace, message); name == "ed25519" && string(ours) != theirs {
					t.Errorf("the same signature, written otherwise:\n%s%s", ours, theirs)
				}
			}
			allowed := []byte("alice@example.com,bob " + k.AuthorizedKey() + "\n")
			compareWithKeygen(t, keygen, keygenCase{sig: mustSign(t, signer, NamespaceGit, message), message: message, allowed: allowed, principal: "bob", good: true})
			compareWithKeygen(t, keygen, keygenCase{sig: mustSign(t, signer, NamespaceGit, message), message: message[1:], allowed: allowed, principal: "bob"})
		})
	}
}

type keygenCase struct {
	sig, message, allowed, revoked []byte
	principal                      string
	time                           string // verify-time
	zone                           string // TZ
	good                           bool   // what verify must say
}

// compareWithKeygen runs the three verifying operations here and there and compares what they print
// on standard output and whether they succeed.
func compareWithKeygen(t *testing.T, keygen string, c keygenCase) {
	t.Helper()
	dir := t.TempDir()
	sig, allowed := writeFile(t, dir, "sig", c.sig), writeFile(t, dir, "allowed", c.allowed)
	at, zone, loc := "-Overify-time=20260601120000", "TZ=UTC0", time.UTC
	if c.time != "" {
		at = "-Overify-time=" + c.time
	}
	if c.zone == "EST5" {
		zone, loc = "TZ=EST5", time.FixedZone("EST", -5*3600)
	}
	verify := []string{"-Y", "verify", "-n", "git", "-f", allowed, "-I", c.principal, "-s", sig, at}
	if c.revoked != nil {
		verify = append(verify, "-r", writeFile(t, dir, "revoked", c.revoked))
	}
	for _, args := range [][]string{
		verify,
		{"-Y", "find-principals", "-f", allowed, "-s", sig, at},
		{"-Y", "check-novalidate", "-n", "git", "-s", sig, at},
	} {
		want, err := runKeygen(t, keygen, c.message, []string{zone}, args...)
		r, parseErr := ParseGitArgs(args, loc)
		if parseErr != nil {
			t.Fatal(parseErr)
		}
		got := r.Answer(GitInput{Signature: c.sig, Message: c.message, Allowed: c.allowed, Revoked: c.revoked, Location: loc})
		if got.Stdout != want || got.OK != (err == nil) {
			t.Errorf("%s of %q:\nhere  %q, %v, %s\nthere %q, %v", r.Operation, c.allowed, got.Stdout, got.OK, got.Stderr, want, err)
		}
		if r.Operation == GitVerify && got.OK != c.good {
			t.Errorf("verify of %q says %v: %s", c.allowed, got.OK, got.Stderr)
		}
	}
}

func TestAllowedSignersLikeSSHKeygen(t *testing.T) {
	keygen := sshKeygen(t)
	signer, message := newEd25519(t), []byte("x")
	key, other := signer.SSHPublicKey().AuthorizedKey(), newEd25519(t).SSHPublicKey().AuthorizedKey()
	sig := mustSign(t, signer, NamespaceGit, message)
	for name, c := range map[string]keygenCase{
		"plain":              {allowed: []byte("alice " + key), principal: "alice", good: true},
		"comment":            {allowed: []byte("# x\n\n  alice\t" + key + " alice@laptop\n"), principal: "alice", good: true},
		"two principals":     {allowed: []byte("alice,bob " + key), principal: "bob", good: true},
		"unknown principal":  {allowed: []byte("alice " + key), principal: "bob"},
		"unknown key":        {allowed: []byte("alice " + other), principal: "alice"},
		"two lines":          {allowed: []byte("alice " + other + "\nbob " + key + "\ncarol " + key), principal: "carol", good: true},
		"star":               {allowed: []byte("*@example.com " + key), principal: "a@example.com", good: true},
		"star, not matching": {allowed: []byte("*@example.com " + key), principal: "a@example.org"},
		"question mark":      {allowed: []byte("al?ce " + key), principal: "alice", good: true},
		"pattern itself":     {allowed: []byte("al?ce " + key), principal: "al?ce", good: true},
		"negated":            {allowed: []byte("*,!alice " + key), principal: "alice"},
		"negated another":    {allowed: []byte("*,!alice " + key), principal: "bob", good: true},
		"case":               {allowed: []byte("Alice " + key), principal: "alice"},
		"quoted":             {allowed: []byte(`"alice smith" ` + key), principal: "alice smith", good: true},
		"quoted list":        {allowed: []byte(`"alice smith,bob" ` + key), principal: "bob", good: true},
		"name with with":     {allowed: []byte(`"alice with RSA key x" ` + key), principal: "alice with RSA key x", good: true},
		"namespace":          {allowed: []byte(`alice namespaces="git" ` + key), principal: "alice", good: true},
		"namespace list":     {allowed: []byte(`alice namespaces="file,g*" ` + key), principal: "alice", good: true},
		"other namespace":    {allowed: []byte(`alice namespaces="file" ` + key), principal: "alice"},
		"negated namespace":  {allowed: []byte(`alice namespaces="!git,*" ` + key), principal: "alice"},
		"option case":        {allowed: []byte(`alice NAMESPACES="git" ` + key), principal: "alice", good: true},
		"valid-after":        {allowed: []byte(`alice valid-after="20260601" ` + key), principal: "alice", good: true},
		"just valid-after":   {allowed: []byte(`alice valid-after="20260601120000" ` + key), principal: "alice", good: true},
		"not yet":            {allowed: []byte(`alice valid-after="20260601120001" ` + key), principal: "alice"},
		"just valid-before":  {allowed: []byte(`alice valid-before="20260601120000Z" ` + key), principal: "alice", good: true},
		"expired":            {allowed: []byte(`alice valid-before="20260601115959Z" ` + key), principal: "alice"},
		"minutes":            {allowed: []byte(`alice valid-before="202606011200" ` + key), principal: "alice", good: true},
		"both":               {allowed: []byte(`alice namespaces="git",valid-after="20260101",valid-before="20270101" ` + key), principal: "alice", good: true},
		"local time, before": {allowed: []byte(`alice valid-after="20260601120001Z" ` + key), principal: "alice", zone: "EST5", good: true},
		"local time, after":  {allowed: []byte(`alice valid-before="20260601120000Z" ` + key), principal: "alice", zone: "EST5"},
		"local options":      {allowed: []byte(`alice valid-before="20260601120000" ` + key), principal: "alice", zone: "EST5", time: "20260601170000Z", good: true},
		"local options over": {allowed: []byte(`alice valid-before="20260601120000" ` + key), principal: "alice", zone: "EST5", time: "20260601170001Z"},
		"cert-authority":     {allowed: []byte("alice cert-authority " + key), principal: "alice"},
		"authority and key":  {allowed: []byte("alice cert-authority " + key + "\nalice " + key), principal: "alice", good: true},
		"unknown option":     {allowed: []byte("alice x " + key), principal: "alice"},
		"unquoted":           {allowed: []byte("alice namespaces=git " + key), principal: "alice"},
		"empty":              {allowed: []byte{}, principal: "alice"},
		"revoked":            {allowed: []byte("alice " + key), principal: "alice", revoked: []byte("# x\n" + key + " alice\n")},
		"another revoked":    {allowed: []byte("alice " + key), principal: "alice", revoked: []byte(other), good: true},
		"broken revocations": {allowed: []byte("alice " + key), principal: "alice", revoked: []byte("x\n")},
	} {
		t.Run(name, func(t *testing.T) {
			c.sig, c.message = sig, message
			compareWithKeygen(t, keygen, c)
		})
	}
}

// What OpenSSH's own tests hold, from Debian's package openssh-tests.
func TestOpenSSHVectors(t *testing.T) {
	const dir = "/usr/lib/openssh/regress/unittests/sshsig/testdata"
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no test vectors in %s: install Debian's package openssh-tests", dir)
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	message, namespace := read("signed-data"), strings.TrimSpace(string(read("namespace")))
	for name, refused := range map[string]string{
		"ed25519":    "",
		"ed25519_sk": "",
		"ecdsa":      "",
		"ecdsa_sk":   "",
		"rsa":        "",
		"dsa":        "DSA is broken",
		// The key is one for a website, and its signature in a format of browsers; see also
		// TestAttackWebsiteSignature.
		"ecdsa_sk_webauthn": "not one for SSH",
	} {
		t.Run(name, func(t *testing.T) {
			s, err := ParseSSHSIG(read(name + ".sig"))
			if refused != "" {
				if err == nil || !strings.Contains(err.Error(), refused) {
					t.Fatalf("error %v, want one with %q", err, refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			k, err := ParseAuthorizedKey(string(read(name + ".pub")))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.VerifyWith(k, message, namespace); err != nil {
				t.Error(err)
			}
			if err := s.VerifyWith(k, message[1:], namespace); err == nil {
				t.Error("another message verifies, too")
			}
		})
	}
}
