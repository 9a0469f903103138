package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/remit-sh/remit/inert"
)

// Bounds on what a mirror does in its life.
const (
	// MaxMirrorTime is how long the git commands of one mirror may take in all.
	MaxMirrorTime = 10 * time.Minute
	// MaxMirrorSize bounds a mirror on disk, in bytes. Fetching ends where it is exceeded.
	MaxMirrorSize = 2 << 30
)

// Why a server's objects could not be had. Test with [errors.Is]. What the server does not have is
// [ErrNotFound].
var (
	// ErrUnreachable: it could not be asked, or broke off.
	ErrUnreachable = errors.New("the server could not be asked")
	// ErrRefused: it does not give this, at all or to this token.
	ErrRefused = errors.New("the server refuses it")
)

// MirrorOptions say what to mirror.
type MirrorOptions struct {
	// Dir is where: a folder that is empty or not there yet. "" is a temporary one, which Close removes.
	Dir string
	// URL is the repository's, by http, https, file or ssh. It holds no password and is followed to no
	// other place.
	URL string
	// Token reads the repository by http or https; "" for none. It goes to the URL's own host only,
	// and to one that is not this machine only by https.
	Token string
	// Env is nil for os.Environ(). Of it count PATH and where temporary files go, proxies and
	// certificates, and for ssh which program and agent to use.
	Env []string
	Git string // the git program; "" is "git" in PATH
}

// Mirror is a bare repository of our own that is filled from a remote as need be: with no more
// history than a decision asks for, and with file contents only where they are asked for. It has no
// configuration, hooks or refs of anybody else. Its methods may be called by several goroutines, and
// run one after the other.
//
// Objects that come in are checked by git and hashed again by whoever reads them.
type Mirror struct {
	dir       string
	temporary bool
	url       *url.URL
	git       string
	env       []string // of every command
	secrets   []string // never to be shown

	mu       sync.Mutex
	repo     *Repo
	used     bool // objects were fetched, so that the kind of hash is settled
	left     time.Duration
	warnings []string
	most     int64 // bytes on disk
	slack    int   // generations
}

// NewMirror makes an empty mirror. It does not ask the server for anything yet.
func NewMirror(ctx context.Context, o MirrorOptions) (*Mirror, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	u, err := parseRemote(o.URL, o.Token)
	if err != nil {
		return nil, fmt.Errorf("making a mirror: %w", err)
	}
	m := &Mirror{dir: o.Dir, url: u, git: o.Git, left: MaxMirrorTime, most: MaxMirrorSize, slack: depthSlack}
	env := environment(o.Env)
	if o.Env == nil {
		env = os.Environ()
	}
	if m.git == "" {
		m.git = "git"
	}
	if m.dir == "" {
		m.temporary = true
		m.dir, err = os.MkdirTemp(env.get("TMPDIR"), "remit-mirror-")
	} else {
		err = emptyDir(m.dir)
	}
	if err == nil {
		m.dir, err = filepath.Abs(m.dir)
	}
	if err != nil {
		return nil, fmt.Errorf("making a mirror: %w", err)
	}
	m.setEnvironment(env, o.Token)
	if err := m.lay(sha1Size); err != nil {
		err = fmt.Errorf("making a mirror in %s: %w", inert.Quote(m.dir), err)
		if m.temporary {
			err = errors.Join(err, os.RemoveAll(m.dir))
		}
		return nil, err
	}
	return m, nil
}

// emptyDir makes a directory, or makes sure that nothing is in it.
func emptyDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		err = fmt.Errorf("%s is not empty: name a new folder", inert.Quote(dir))
	}
	return err
}

// parseRemote reads a remote's URL and refuses what could send a token astray or run a program.
func parseRemote(raw, token string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		// The error of url.Parse repeats the URL, in which there may be a password.
		return nil, errors.New("the repository's address is not a URL: write https://host/owner/name")
	}
	web := u.Scheme == "http" || u.Scheme == "https"
	local := u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
	_, password := u.User.Password()
	switch {
	case !web && u.Scheme != "file" && u.Scheme != "ssh":
		return nil, fmt.Errorf("the repository's address has the scheme %s: write https://host/owner/name (http, https, file and ssh are known)", inert.Quote(u.Scheme))
	case password || web && u.User != nil:
		return nil, errors.New("the repository's address holds a user or a password: leave it out, and give the token by itself")
	case u.Opaque != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("the repository's address has more than a host and a path: write https://host/owner/name")
	case u.Scheme == "file" && (u.Host != "" || !strings.HasPrefix(u.Path, "/")),
		u.Scheme != "file" && u.Hostname() == "", strings.HasPrefix(u.Hostname(), "-"), strings.HasPrefix(u.User.Username(), "-"):
		return nil, fmt.Errorf("the repository's address %s names no place that git can fetch from", inert.Quote(raw))
	case token != "" && !web:
		return nil, fmt.Errorf("a token is for http and https, and the repository's address begins with %s: leave the token out", u.Scheme)
	case token != "" && u.Scheme == "http" && !local:
		return nil, errors.New("the token would travel unencrypted: write https:// in the repository's address")
	case strings.ContainsAny(token, "\r\n\x00"):
		return nil, errors.New("the token has a line break in it: it was not read as a whole word")
	}
	return u, nil
}

// setEnvironment makes what every git command of the mirror is given. The token is in it and never
// among a command's arguments, which other users of the machine can see.
func (m *Mirror) setEnvironment(env environment, token string) {
	names := webVariables()
	if m.url.Scheme == "ssh" {
		names = []string{"SSH_AUTH_SOCK", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT"}
	}
	m.env = append(env.kept(), cleanGit(filepath.Join(m.dir, "home"))...)
	m.env = append(m.env,
		"GIT_DIR="+m.dir,
		"GIT_ALLOW_PROTOCOL="+m.url.Scheme,
		"GIT_ASKPASS=", "SSH_ASKPASS=",
		"GIT_AUTHOR_NAME=remit", "GIT_AUTHOR_EMAIL=remit", "GIT_AUTHOR_DATE=@0 +0000",
		"GIT_COMMITTER_NAME=remit", "GIT_COMMITTER_EMAIL=remit", "GIT_COMMITTER_DATE=@0 +0000",
	)
	if m.url.Scheme == "ssh" && env.get("GIT_SSH") == "" && env.get("GIT_SSH_COMMAND") == "" {
		m.env = append(m.env, "GIT_SSH_COMMAND=ssh -o BatchMode=yes")
	}
	m.env = append(m.env, surroundings(env, names)...)
	if token == "" {
		return
	}
	name, value, basic := tokenHeader(m.url, token)
	m.secrets = []string{basic, token}
	m.env = append(m.env, "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0="+name, "GIT_CONFIG_VALUE_0="+value)
}

// legacy are faults of form that old histories have and that git's own checks refuse. What is judged
// is read strictly here; what lies around it need not be.
func legacy() []string {
	return []string{
		"badDate", "badDateOverflow", "badEmail", "badName", "badTimezone", "fullPathname", "gitmodulesMissing",
		"missingEmail", "missingNameBeforeEmail", "missingSpaceBeforeDate", "missingSpaceBeforeEmail", "zeroPaddedDate", "zeroPaddedFilemode",
	}
}

// lay lays the repository out, for one kind of hash, and opens it.
func (m *Mirror) lay(idSize int) error {
	for _, d := range []string{"objects/pack", "refs", "home"} {
		if err := os.MkdirAll(filepath.Join(m.dir, d), 0o700); err != nil {
			return err
		}
	}
	format := ""
	if idSize == sha256Size {
		format = "\tobjectformat = sha256\n"
	}
	// Redirects are not followed: git would send the token to where they lead.
	config := "[core]\n\trepositoryformatversion = 1\n\tbare = true\n\tcommitGraph = false\n\tmultiPackIndex = false\n" +
		"\thooksPath = " + os.DevNull + "\n\tdeltaBaseCacheLimit = 16m\n\tpackedGitWindowSize = 1m\n\tpackedGitLimit = 64m\n" +
		"[extensions]\n\tpartialClone = origin\n" + format +
		"[remote \"origin\"]\n\turl = \"" + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(m.url.String()) + "\"\n" +
		"\tpromisor = true\n\tpartialclonefilter = blob:none\n\ttagOpt = --no-tags\n" +
		"[transfer]\n\tfsckObjects = true\n\tunpackLimit = 1\n" +
		"[fetch]\n\twriteCommitGraph = false\n\trecurseSubmodules = false\n" +
		"[http]\n\tfollowRedirects = false\n\tlowSpeedLimit = 1000\n\tlowSpeedTime = 60\n" +
		"[credential]\n\thelper =\n[protocol]\n\tversion = 2\n[pack]\n\tthreads = 1\n" +
		"[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n[fetch \"fsck\"]\n"
	for _, id := range legacy() {
		config += "\t" + id + " = ignore\n"
	}
	if err := os.WriteFile(filepath.Join(m.dir, "config"), []byte(config), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(m.dir, "HEAD"), []byte("ref: refs/heads/none\n"), 0o600); err != nil {
		return err
	}
	repo, err := Open(Options{GitDir: m.dir, Env: environment(m.env).kept(), Git: m.git})
	if err != nil {
		return err
	}
	repo.mirror = true
	if m.repo != nil {
		err = m.repo.Close()
	}
	m.repo = repo
	return err
}

// settle makes the mirror one of the hash that these names of objects are of, while it is empty.
func (m *Mirror) settle(ids []oid) error {
	for _, id := range ids {
		if id.n != ids[0].n || m.used && int(id.n) != m.repo.format.idSize {
			return fmt.Errorf("%s is not the full name of an object of this repository: it has another length", id)
		}
	}
	if len(ids) > 0 && int(ids[0].n) != m.repo.format.idSize {
		return m.lay(int(ids[0].n))
	}
	return nil
}

// Repo reads what has been fetched. It belongs to the mirror, sees what is fetched later, and must
// not be closed. A repository whose objects are named by SHA-256 has to be asked for after the first
// fetch.
func (m *Mirror) Repo() *Repo {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.repo
}

// Warnings say what made fetching costlier than it need be. Each stands there once.
func (m *Mirror) Warnings() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.warnings...)
}

// Close ends the mirror and removes it where it was a temporary one.
func (m *Mirror) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.repo.Close()
	if m.temporary {
		err = errors.Join(err, os.RemoveAll(m.dir))
	}
	if err != nil {
		return fmt.Errorf("closing a mirror: %w", err)
	}
	return nil
}
