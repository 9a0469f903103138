package slsatest_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/remit-sh/remit/audit/statement/statementtest"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
)

// The programs that are built: one of the version that go.mod names, and our own.
const (
	slsaVerifier = "github.com/slsa-framework/slsa-verifier/v2/cli/slsa-verifier"
	remit        = "github.com/remit-sh/remit/cmd/remit"
)

// build builds a program with the module in a folder.
func build(t *testing.T, dir, module, pkg string) string {
	t.Helper()
	path := filepath.Join(dir, filepath.Base(pkg))
	cmd := exec.Command("go", "build", "-o", path, pkg)
	cmd.Dir = module
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v: %s", pkg, err, out)
	}
	return path
}

// TestSLSAVerifier verifies a statement as docs/deploys.md says, and that nothing else verifies.
func TestSLSAVerifier(t *testing.T) {
	dir := t.TempDir()
	verifier, own := build(t, dir, ".", slsaVerifier), build(t, dir, "../..", remit)
	_, s := statementtest.Signed(t, "gate", nil)
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pemOf := func(who string) string {
		cmd := exec.Command(own, "key", "pem", write(who+".pub", []byte(dt.Key(who).AuthorizedKey()+"\n")))
		var said bytes.Buffer
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil || !strings.Contains(said.String(), dt.Key(who).Fingerprint()) {
			t.Fatalf("remit key pem: %v: %s", err, &said)
		}
		return write(who+".pem", out)
	}
	first, _, _ := bytes.Cut(s.Bundle(), []byte("\n")) // head -n 1 deploy.jsonl
	altered := bytes.Replace(s.Summary.Marshal(), []byte(`"payload":"eyJ`), []byte(`"payload":"ICJ`), 1)
	good := map[string][]string{
		"--attestation-path": {write("vsa.json", first)}, "--public-key-path": {pemOf("gate")},
		"--verifier-id": {"https://remit.sh/gate/v1"}, "--resource-uri": {"https://github.com/acme/shop?environment=production"},
		"--verified-level": {"REMIT_DEPLOY_APPROVED", "REMIT_DEPLOY_AUTHORIZED"}, "--subject-digest": {"gitCommit:" + dt.Head, "sha256:" + statementtest.Image},
	}
	for name, tc := range map[string]struct {
		change map[string][]string
		holds  bool
	}{
		"as it is":                {nil, true},
		"with the key's id":       {map[string][]string{"--public-key-id": {dt.Key("gate").Fingerprint()}}, true},
		"the commit alone":        {map[string][]string{"--subject-digest": {"gitCommit:" + dt.Head}}, true},
		"the image alone":         {map[string][]string{"--subject-digest": {"sha256:" + statementtest.Image}}, true},
		"another key":             {map[string][]string{"--public-key-path": {pemOf("mallory")}}, false},
		"another commit":          {map[string][]string{"--subject-digest": {"gitCommit:" + dt.Base}}, false},
		"another image":           {map[string][]string{"--subject-digest": {"sha256:" + strings.Repeat("2b", 32)}}, false},
		"another environment":     {map[string][]string{"--resource-uri": {"https://github.com/acme/shop?environment=staging"}}, false},
		"another repository":      {map[string][]string{"--resource-uri": {"https://github.com/acme/fork?environment=production"}}, false},
		"another verifier":        {map[string][]string{"--verifier-id": {"https://example.org"}}, false},
		"a level that nobody has": {map[string][]string{"--verified-level": {"SLSA_BUILD_LEVEL_1"}}, false},
		"altered":                 {map[string][]string{"--attestation-path": {write("altered.json", altered)}}, false},
		"the account behind it":   {map[string][]string{"--attestation-path": {write("account.json", s.Account.Marshal())}}, false},
	} {
		flags := maps.Clone(good)
		maps.Copy(flags, tc.change)
		args := []string{"verify-vsa"}
		for _, flag := range slices.Sorted(maps.Keys(flags)) {
			for _, value := range flags[flag] {
				args = append(args, flag, value)
			}
		}
		out, err := exec.Command(verifier, args...).CombinedOutput()
		if err != nil && !errors.As(err, new(*exec.ExitError)) {
			t.Fatal(err)
		}
		if (err == nil) != tc.holds {
			t.Errorf("%s: %s: %v: %s", name, fmt.Sprint(args), err, out)
		}
	}
}
