package hooks

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/remit-sh/remit/inert"
)

const (
	// MaxServerConfig is the size limit of server.json, in bytes. The object is flat, so this bounds
	// the work of reading it too.
	MaxServerConfig = 16 << 10

	serverVersion = 1
	maxField      = 8 << 10 // bytes; the longest authorized_keys lines are those of RSA keys, about 3 KiB
)

// ServerConfig is what a server's pre-receive hook is told by whoever runs the server, and never by
// the repository that it judges. It is kept as remit/server.json in the bare repository:
//
//	{
//	  "version": 1,
//	  "root_key": "ssh-ed25519 AAAA… alice@laptop",
//	  "pusher_env": "GL_USER"
//	}
type ServerConfig struct {
	// RootKey is the authorized_keys line of the human whose signature the first policy needs.
	// It is required. This package checks that it is one line; the caller parses the key.
	RootKey string
	// PusherEnv names the environment variable in which the server tells who pushes: GL_USER for
	// gitolite, REMOTE_USER for HTTP. Empty means that the server does not tell.
	PusherEnv string
	// Repository is the name of this repository, where the policy does not say it because it serves
	// several. May be empty.
	Repository string
	// PolicyRepository is the absolute path of the repository on this server that holds the policy,
	// if that is another one. PolicyRef (a full ref name) and PolicyFile say where in it; empty means
	// its default branch and policies.hcl.
	PolicyRepository string
	PolicyRef        string
	PolicyFile       string
	// AuditServer is the address of a server that keeps the audit log, "https://host", if the repository keeps none
	// of itself, and AuditKey the key with which that log is signed, as verifiers of C2SP take it.
	AuditServer string
	AuditKey    string
}

type serverJSON struct {
	Version          int    `json:"version"`
	RootKey          string `json:"root_key"`
	PusherEnv        string `json:"pusher_env,omitzero"`
	Repository       string `json:"repository,omitzero"`
	PolicyRepository string `json:"policy_repository,omitzero"`
	PolicyRef        string `json:"policy_ref,omitzero"`
	PolicyFile       string `json:"policy_file,omitzero"`
	AuditServer      string `json:"audit_server,omitzero"`
	AuditKey         string `json:"audit_key,omitzero"`
}

// ErrServerConfig is wrapped by errors about what a server's configuration says.
var ErrServerConfig = errors.New("the server's configuration is not valid")

// ParseServerConfig reads server.json strictly: duplicate, unknown or differently written member
// names are errors. On error it returns the zero value, under which a hook must refuse every push.
func ParseServerConfig(b []byte) (ServerConfig, error) {
	if len(b) > MaxServerConfig {
		return ServerConfig{}, fmt.Errorf("%w: it is longer than %d bytes", ErrServerConfig, MaxServerConfig)
	}
	var raw serverJSON
	if err := json.Unmarshal(b, &raw, json.RejectUnknownMembers(true)); err != nil {
		return ServerConfig{}, fmt.Errorf("%w: %w", ErrServerConfig, err)
	}
	if raw.Version != serverVersion {
		return ServerConfig{}, fmt.Errorf("%w: this remit reads version %d, not %d", ErrServerConfig, serverVersion, raw.Version)
	}
	c := ServerConfig{
		RootKey: raw.RootKey, PusherEnv: raw.PusherEnv, Repository: raw.Repository,
		PolicyRepository: raw.PolicyRepository, PolicyRef: raw.PolicyRef, PolicyFile: raw.PolicyFile,
		AuditServer: raw.AuditServer, AuditKey: raw.AuditKey,
	}
	if err := c.check(); err != nil {
		return ServerConfig{}, err
	}
	return c, nil
}

// Marshal returns the file's text, or an error that wraps [ErrServerConfig] if a field is not valid.
func (c ServerConfig) Marshal() ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	b, err := json.Marshal(serverJSON{
		Version: serverVersion, RootKey: c.RootKey, PusherEnv: c.PusherEnv, Repository: c.Repository,
		PolicyRepository: c.PolicyRepository, PolicyRef: c.PolicyRef, PolicyFile: c.PolicyFile,
		AuditServer: c.AuditServer, AuditKey: c.AuditKey,
	}, jsontext.WithIndent("  "))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrServerConfig, err)
	}
	if len(b) >= MaxServerConfig {
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrServerConfig, MaxServerConfig)
	}
	return append(b, '\n'), nil
}

func (c ServerConfig) check() error {
	bad := func(what string) error { return fmt.Errorf("%w: %s", ErrServerConfig, what) }
	for _, f := range []string{c.RootKey, c.PusherEnv, c.Repository, c.PolicyRepository, c.PolicyRef, c.PolicyFile, c.AuditServer, c.AuditKey} {
		if err := checkText("a field", f); err != nil {
			return bad(err.Error())
		}
		if len(f) > maxField {
			return bad(fmt.Sprintf("a field is longer than %d bytes", maxField))
		}
	}
	switch {
	case strings.TrimSpace(c.RootKey) == "":
		return bad("root_key is missing: name the human whose signature the first policy needs")
	case c.PusherEnv != "" && !isVariable(c.PusherEnv):
		return bad("pusher_env " + inert.Quote(c.PusherEnv) + " is not the name of an environment variable")
	case c.PolicyRepository != "" && !filepath.IsAbs(c.PolicyRepository):
		return bad("policy_repository " + inert.Quote(c.PolicyRepository) + " must be an absolute path")
	case c.PolicyRef != "" && !strings.HasPrefix(c.PolicyRef, "refs/"):
		return bad("policy_ref " + inert.Quote(c.PolicyRef) + " must be a full name such as refs/heads/main")
	case c.PolicyRepository == "" && (c.PolicyRef != "" || c.PolicyFile != ""):
		return bad("policy_ref and policy_file say where in policy_repository, which is missing")
	case c.PolicyFile != "" && !fs.ValidPath(c.PolicyFile):
		return bad("policy_file " + inert.Quote(c.PolicyFile) + " must be a path inside policy_repository")
	case (c.AuditServer == "") != (c.AuditKey == ""):
		return bad("audit_server needs audit_key, the key with which its log is signed, and the other way round")
	}
	return nil
}

// isVariable accepts [A-Za-z_][A-Za-z0-9_]*.
func isVariable(s string) bool {
	for i, c := range []byte(s) {
		letter := c == '_' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// ServerConfigPath is where a bare repository keeps its configuration.
func ServerConfigPath(gitDir string) string { return filepath.Join(gitDir, "remit", "server.json") }

// ReadServerConfig reads a repository's configuration. It refuses a file that everybody can write
// and anything that is not a regular file. The error wraps [fs.ErrNotExist] if there is none.
func ReadServerConfig(gitDir string) (ServerConfig, error) {
	path := ServerConfigPath(gitDir)
	info, err := os.Lstat(path)
	if err != nil {
		return ServerConfig{}, fmt.Errorf("reading the server's configuration: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o002 != 0 {
		return ServerConfig{}, fmt.Errorf("%w: %q must be a regular file that not everybody can write", ErrServerConfig, path)
	}
	b, err := readUpTo(path, MaxServerConfig)
	if err != nil {
		return ServerConfig{}, fmt.Errorf("reading the server's configuration: %w", err)
	}
	return ParseServerConfig(b)
}

// WriteServerConfig writes a repository's configuration in one step, readable by everybody.
func WriteServerConfig(gitDir string, c ServerConfig) error {
	return writeServerConfig(gitDir, &c, nil)
}

func writeServerConfig(gitDir string, c *ServerConfig, step steps) error {
	b, err := c.Marshal()
	if err != nil {
		return err
	}
	path := ServerConfigPath(gitDir)
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil && !errors.Is(err, fs.ErrExist) { // #nosec G301 -- whoever pushes reads it
		return fmt.Errorf("writing the server's configuration: %w", err)
	}
	return writeFile(path, b, 0o644, step)
}
