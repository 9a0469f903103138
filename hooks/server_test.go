package hooks_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/remit-sh/remit/hooks"
)

func TestParseServerConfig(t *testing.T) {
	const least = `{"version":1,"root_key":"ssh-ed25519 AAAA alice"}`
	for name, tt := range map[string]struct {
		text string
		ok   bool
	}{
		"least": {least, true},
		"everything": {`{"version":1,"root_key":"k","pusher_env":"GL_USER","repository":"git.example.com/a/b",` +
			`"policy_repository":"/srv/git/policy.git","policy_ref":"refs/heads/main","policy_file":"remit/policies.hcl"}`, true},
		"empty":                 {``, false},
		"empty object":          {`{}`, false},
		"no version":            {`{"root_key":"k"}`, false},
		"next version":          {`{"version":2,"root_key":"k"}`, false},
		"version as text":       {`{"version":"1","root_key":"k"}`, false},
		"version as float":      {`{"version":1.5,"root_key":"k"}`, false},
		"no key":                {`{"version":1}`, false},
		"blank key":             {`{"version":1,"root_key":" "}`, false},
		"two lines of keys":     {`{"version":1,"root_key":"a\nb"}`, false},
		"duplicate":             {`{"version":1,"root_key":"k","root_key":"l"}`, false},
		"other case":            {`{"version":1,"Root_Key":"k"}`, false},
		"unknown":               {`{"version":1,"root_key":"k","more":1}`, false},
		"trailing data":         {least + `{}`, false},
		"array":                 {`[` + least + `]`, false},
		"nested":                {`{"version":1,"root_key":["k"]}`, false},
		"null":                  {`null`, false},
		"variable":              {`{"version":1,"root_key":"k","pusher_env":"_A1"}`, true},
		"not a variable":        {`{"version":1,"root_key":"k","pusher_env":"1A"}`, false},
		"variable with =":       {`{"version":1,"root_key":"k","pusher_env":"A=B"}`, false},
		"relative repository":   {`{"version":1,"root_key":"k","policy_repository":"policy.git"}`, false},
		"short ref":             {`{"version":1,"root_key":"k","policy_repository":"/p","policy_ref":"main"}`, false},
		"ref without a place":   {`{"version":1,"root_key":"k","policy_ref":"refs/heads/main"}`, false},
		"file outside":          {`{"version":1,"root_key":"k","policy_repository":"/p","policy_file":"../x"}`, false},
		"control character":     {`{"version":1,"root_key":"k","repository":"a\u001bb"}`, false},
		"field as long as may":  {`{"version":1,"root_key":"` + strings.Repeat("k", 8<<10) + `"}`, true},
		"field one byte longer": {`{"version":1,"root_key":"` + strings.Repeat("k", 8<<10+1) + `"}`, false},
		"as long as may be":     {least + strings.Repeat(" ", hooks.MaxServerConfig-len(least)), true},
		"one byte longer":       {least + strings.Repeat(" ", hooks.MaxServerConfig-len(least)+1), false},
		"deep":                  {strings.Repeat("[", 10_000), false},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := hooks.ParseServerConfig([]byte(tt.text))
			if (err == nil) != tt.ok {
				t.Fatalf("error %v", err)
			}
			if err != nil && (c != hooks.ServerConfig{} || !errors.Is(err, hooks.ErrServerConfig)) {
				t.Errorf("%+v, %v", c, err)
			}
		})
	}
}

func TestServerConfigOnDisk(t *testing.T) {
	dir := t.TempDir()
	if _, err := hooks.ReadServerConfig(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
	want := hooks.ServerConfig{RootKey: "ssh-ed25519 AAAA alice", PusherEnv: "GL_USER"}
	if err := hooks.WriteServerConfig(dir, want); err != nil {
		t.Fatal(err)
	}
	path := hooks.ServerConfigPath(dir)
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o644 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if got, err := hooks.ReadServerConfig(dir); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if err := hooks.WriteServerConfig(dir, hooks.ServerConfig{}); !errors.Is(err, hooks.ErrServerConfig) {
		t.Errorf("writing the zero value: %v", err)
	}
	if got, err := hooks.ReadServerConfig(dir); err != nil || got != want {
		t.Errorf("a refused write changed it: %+v, %v", got, err)
	}
	if err := os.Chmod(path, 0o646); err != nil {
		t.Fatal(err)
	}
	if _, err := hooks.ReadServerConfig(dir); err == nil {
		t.Error("read a file that everybody can write")
	}
	if err := os.Rename(path, path+".real"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path+".real", path); err != nil {
		t.Fatal(err)
	}
	if _, err := hooks.ReadServerConfig(dir); err == nil {
		t.Error("followed a link")
	}
}

// Installing a server's hook again may leave its configuration out.
func TestInstallKeepsServerConfig(t *testing.T) {
	w := newWorld(t)
	bare := filepath.Join(w.dir, "bare.git")
	w.mkdir(bare)
	w.installServer(bare)
	want, _ := os.ReadFile(hooks.ServerConfigPath(bare))
	c, err := hooks.Install(hooks.InstallOptions{HooksDir: filepath.Join(bare, "hooks"), Set: hooks.Server, Remit: w.remit, GitDir: bare})
	if err != nil || c[0].Action != hooks.Unchanged {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := hooks.Uninstall(filepath.Join(bare, "hooks")); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(hooks.ServerConfigPath(bare)); !bytes.Equal(got, want) {
		t.Errorf("the configuration changed: %s", got)
	}
}

func FuzzParseServerConfig(f *testing.F) {
	f.Add([]byte(`{"version":1,"root_key":"ssh-ed25519 AAAA alice","pusher_env":"GL_USER"}`))
	f.Add([]byte(`{"version":1,"root_key":"k","policy_repository":"/p","policy_ref":"refs/heads/main","policy_file":"a/b"}`))
	f.Add([]byte(`{"version":1,"root_key":"k","root_key":"k"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := hooks.ParseServerConfig(b)
		if err != nil {
			if (c != hooks.ServerConfig{}) {
				t.Fatalf("error and a value: %+v", c)
			}
			return
		}
		text, err := c.Marshal()
		if err != nil {
			if len(b) < hooks.MaxServerConfig/2 { // escapes can make a long one too long
				t.Fatalf("accepted but not written: %v", err)
			}
			return
		}
		again, err := hooks.ParseServerConfig(text)
		if err != nil || again != c {
			t.Fatalf("%+v came back as %+v: %v", c, again, err)
		}
	})
}
