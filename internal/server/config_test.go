package server

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/remit-sh/remit/policy"
)

func discard() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

const plain = `listen     = "127.0.0.1:8080"
public_url = "https://audit.example.com"

log {
  folder { path = "logs" }
  repository "github.com/acme/shop" {
    key_file = "log.key"
    writers  = ["KEY"]
  }
}
`

func TestConfig(t *testing.T) {
	dir := t.TempDir()
	key := keyFile(t, filepath.Join(dir, "log.key"), "log").SSHPublicKey().AuthorizedKey()
	write(t, filepath.Join(dir, "token"), readersToken)
	write(t, filepath.Join(dir, "short"), "short")
	write(t, filepath.Join(dir, "keys.json"), "{}")
	write(t, filepath.Join(dir, "open"), readersToken)
	if err := os.Chmod(filepath.Join(dir, "open"), 0o644); err != nil {
		t.Fatal(err)
	}
	env := func(name string) string {
		return map[string]string{"TOKEN": readersToken, "DSN": "u:secret@tcp(127.0.0.1)/d"}[name]
	}
	base := strings.ReplaceAll(plain, "KEY", key)
	bucket := `bucket {
    name = "logs"
  }`
	in := func(line string) [2]string { return [2]string{"key_file = ", line + "\n    key_file = "} }
	for name, c := range map[string]struct {
		change [][2]string
		line   int // 0: it is sound
		says   string
	}{
		"plain":                    {nil, 0, ""},
		"workflows":                {[][2]string{in(`workflows = [".github/workflows/remit.yml"]`), in(`branch = "main"`)}, 0, ""},
		"a reader":                 {[][2]string{in(`reader_token_file = "token"`)}, 0, ""},
		"a reader by environment":  {[][2]string{in(`reader_token_env = "TOKEN"`)}, 0, ""},
		"a bucket":                 {[][2]string{{`folder { path = "logs" }`, bucket}, in(`database_env = "DSN"`)}, 0, ""},
		"no HCL":                   {[][2]string{{"log {", "log"}}, 4, "block definition required"},
		"an unknown attribute":     {[][2]string{in(`database = "u:p@tcp(h)/d"`)}, 7, "Unsupported argument"},
		"an unknown block":         {[][2]string{{"log {", "store {\n}\nlog {"}}, 4, "Unsupported block type"},
		"a block of another part":  {[][2]string{{"log {", "app {\n}\nlog {"}}, 4, "Unsupported block type"},
		"a function":               {[][2]string{{`"log.key"`, `env("KEY")`}}, 7, "Function calls not allowed"},
		"no listen":                {[][2]string{{`listen     = "127.0.0.1:8080"`, ""}}, 1, "Missing required argument"},
		"a port alone":             {[][2]string{{"127.0.0.1:8080", "8080"}}, 1, "host and port"},
		"plain http":               {[][2]string{{"https://audit", "http://audit"}}, 2, "https://"},
		"a path":                   {[][2]string{{"example.com", "example.com/x"}}, 2, "host alone"},
		"two places":               {[][2]string{{"folder {", bucket + "\n  folder {"}}, 4, "one block"},
		"no place":                 {[][2]string{{`folder { path = "logs" }`, ""}}, 4, "one block"},
		"no log":                   {[][2]string{{"log {" + strings.SplitN(base, "log {", 2)[1], ""}}, 0, "log { … }"},
		"a database for a folder":  {[][2]string{in(`database_env = "DSN"`)}, 6, "no database"},
		"no database for a bucket": {[][2]string{{`folder { path = "logs" }`, bucket}}, 8, "Database is missing"},
		"a prefix that climbs": {[][2]string{{`folder { path = "logs" }`, `bucket {
    name = "logs"
    prefix = "../x"
  }`}, in(`database_env = "DSN"`)}, 7, "Prefix"},
		"another name":             {[][2]string{{"github.com/acme/shop", "github.com/Acme/shop"}}, 6, "canonical name"},
		"no key":                   {[][2]string{{"log.key", "none.key"}}, 7, "ssh-keygen"},
		"nobody writes":            {[][2]string{{"writers  = [", "# ["}}, 6, "Nobody may write"},
		"no key at all":            {[][2]string{{key, "ssh-ed25519 AAAA"}}, 8, "Key is not usable"},
		"a key twice":              {[][2]string{{`["` + key, `["` + key + `", "` + key}}, 8, "twice"},
		"no branch":                {[][2]string{in(`workflows = [".github/workflows/remit.yml"]`)}, 7, "default branch"},
		"no workflow":              {[][2]string{in(`workflows = ["remit.yml"]`), in(`branch = "main"`)}, 7, "Workflow is not usable"},
		"no issuer":                {[][2]string{{"github.com/acme", "git.acme.com/acme"}, in(`workflows = [".github/workflows/remit.yml"]`), in(`branch = "main"`)}, 7, "Issuer is missing"},
		"rate nought":              {[][2]string{in(`rate = 0`)}, 7, "Rate"},
		"two ways to read":         {[][2]string{in(`public = true`), in(`reader_token_env = "TOKEN"`)}, 6, "Readers are not clear"},
		"a short token":            {[][2]string{in(`reader_token_file = "short"`)}, 7, "at least 20"},
		"a token that others read": {[][2]string{in(`reader_token_file = "open"`)}, 7, "chmod 600"},
		"no token":                 {[][2]string{in(`reader_token_env = "NONE"`)}, 7, "NONE is not set"},
		"twice":                    {[][2]string{{"  repository", "  repository \"github.com/acme/shop\" {\n    key_file = \"log.key\"\n    writers = [\"" + key + "\"]\n  }\n  repository"}}, 10, "twice"},
		"in each other":            {[][2]string{{"  repository", "  repository \"github.com/acme/shop/audit/x\" {\n    key_file = \"log.key\"\n    writers = [\"" + key + "\"]\n  }\n  repository"}}, 10, "paths in common"},
		"an issuer by http":        {[][2]string{{"folder {", "issuer \"http://evil.example\" { host = \"github.com\" }\n  folder {"}}, 5, "Issuer is not usable"},
		"an issuer without keys":   {[][2]string{{"folder {", "issuer \"https://a.example\" {\n host = \"github.com\"\n keys_file = \"keys.json\"\n }\n  folder {"}}, 7, "Keys cannot be read"},
		"two issuers":              {[][2]string{{"folder {", "issuer \"https://a.example\" { host = \"github.com\" }\n  issuer \"https://b.example\" { host = \"github.com\" }\n  folder {"}}, 6, "one issuer"},
	} {
		text := base
		for _, ch := range c.change {
			text = strings.Replace(text, ch[0], ch[1], 1)
		}
		path := filepath.Join(dir, "server.hcl")
		write(t, path, text)
		config, err := ReadConfig(path, env)
		if c.says == "" {
			if err != nil || config == nil || len(config.Logs) != 1 {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		var invalid *policy.InvalidError
		if !errors.As(err, &invalid) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var b strings.Builder
		if err := invalid.Diagnostics.WriteText(&b, invalid.Source, false); err != nil {
			t.Fatal(err)
		}
		if first := invalid.Diagnostics[0]; first.Position.Line != c.line && c.line != 0 || !strings.Contains(b.String(), c.says) {
			t.Errorf("%s: line %d\n%s", name, first.Position.Line, b.String())
		}
		if strings.Contains(b.String(), readersToken) {
			t.Errorf("%s: a secret is shown:\n%s", name, b.String())
		}
	}
}
