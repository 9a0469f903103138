package bench

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/signing/gitobject"
)

// rawCommits are the commit objects of the first n signed commits.
func (s shop) rawCommits(n int) [][]byte {
	s.tb.Helper()
	cmd := exec.Command("git", "cat-file", "--batch")
	cmd.Dir, cmd.Env = s.dir, environ()
	cmd.Stdin = strings.NewReader(s.run("git", "rev-list", "--reverse", s.revisions(n)) + "\n")
	out, err := cmd.Output()
	if err != nil {
		s.tb.Fatal(err)
	}
	var all [][]byte
	for r := bufio.NewReader(bytes.NewReader(out)); ; {
		raw, _, err := readBatch(r)
		if errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			s.tb.Fatal(err)
		}
		all = append(all, raw)
	}
}

// BenchmarkSignatures verifies the signatures of commits from their raw bytes on, on every
// processor, against crypto/ed25519 alone on the very same messages.
func BenchmarkSignatures(b *testing.B) {
	const commits = 1000
	s := newShop(b, 1000, commits)
	key := signerOf(b, "coder").SSHPublicKey()
	raw := s.rawCommits(commits)
	bare := make([]func() bool, len(raw))
	for i := range raw {
		bare[i] = bareVerify(b, key, raw[i])
	}
	t := inTurn(b,
		timed(func() { everywhere(b, len(bare), func(i int) bool { return bare[i]() }) }),
		timed(func() { everywhere(b, len(raw), func(i int) bool { return verify(key, raw[i]) }) }))
	report(b, t[0]/commits*1000, "bare-us/commit", t[1]/commits*1000, "whole-us/commit", ratio(t[0], t[1]), "of-bare")
}

// verify is what the checker does for one commit of an enrolled key.
func verify(key signing.PublicKey, raw []byte) bool {
	c, err := gitobject.ParseCommit(raw)
	if err != nil {
		return false
	}
	sig, err := signing.ParseSSHSIG(c.Signature)
	return err == nil && sig.VerifyWith(key, c.Payload, signing.NamespaceGit) == nil
}

// bareVerify is the arithmetic alone: everything else is done beforehand.
func bareVerify(tb testing.TB, key signing.PublicKey, raw []byte) func() bool {
	tb.Helper()
	c, err := gitobject.ParseCommit(raw)
	if err != nil {
		tb.Fatal(err)
	}
	var wire struct{ Type, Key string }
	if err := ssh.Unmarshal(key.Marshal(), &wire); err != nil {
		tb.Fatal(err)
	}
	// PROTOCOL.sshsig: what is signed. The signature is the last 64 bytes inside the armor.
	sum := sha512.Sum512(c.Payload)
	message := []byte("SSHSIG")
	for _, field := range []string{signing.NamespaceGit, "", "sha512", string(sum[:])} {
		message = binary.BigEndian.AppendUint32(message, uint32(len(field)))
		message = append(message, field...)
	}
	armor, _ := pem.Decode(c.Signature)
	if armor == nil {
		tb.Fatal("the signature has no armor")
	}
	blob := armor.Bytes
	sig := blob[len(blob)-ed25519.SignatureSize:]
	return func() bool { return ed25519.Verify(ed25519.PublicKey(wire.Key), message, sig) }
}

// everywhere calls f for each of n on every processor.
func everywhere(tb testing.TB, n int, f func(int) bool) {
	tb.Helper()
	var wait sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wait.Go(func() {
			for i := n * w / workers; i < n*(w+1)/workers; i++ {
				if !f(i) {
					tb.Error("a good signature does not verify")
					return
				}
			}
		})
	}
	wait.Wait()
}
