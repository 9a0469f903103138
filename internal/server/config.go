// Package server is remit-server: what a repository cannot give itself, behind HTTP. It has one part so far, the audit
// logs of repositories that have outgrown a log of their own (package largelog below does the work).
//
// Whoever sends something is known before it is read: a handler authenticates by headers, within limits of size, rate
// and time, and only then looks at the body. Nothing secret is logged.
package server

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"golang.org/x/mod/sumdb/note"

	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/internal/server/largelog"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/oidc"
	"github.com/remit-sh/remit/policy"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/signing/keystore"
)

// The limits of a configuration.
const (
	maxConfig       = 1 << 20  // bytes
	maxSecret       = 16 << 10 // bytes of a file with one
	minToken        = 20       // characters of a readers' token
	maxRepositories = 1000
	maxWriters      = 100 // keys of one repository
	maxRate         = 10_000
	defaultRate     = 50 // entries a second
)

// Config is what a server is to do. Only [ReadConfig] makes one.
type Config struct {
	Listen    string
	PublicURL string
	Logs      []*LogConfig
	Issuers   map[string]*issuer // by the host of the repositories
}

// LogConfig is the log of one repository.
type LogConfig struct {
	Repository string
	Origin     string
	Place      func() largelog.Place // each opens its own
	Signer     note.Signer
	Verifier   note.Verifier
	Trust      oidc.Trust
	Writers    []signing.PublicKey
	Rate       int  // entries a second
	Public     bool // everybody may read
	Token      string
}

// The blocks, as they are written.
type (
	fileBlock struct {
		Listen      string    `hcl:"listen"`
		ListenAt    hcl.Range `hcl:"listen,attr_range"`
		PublicURL   string    `hcl:"public_url"`
		PublicURLAt hcl.Range `hcl:"public_url,attr_range"`
		Log         *logBlock `hcl:"log,block"`
	}
	logBlock struct {
		At           hcl.Range         `hcl:",def_range"`
		Folder       *folderBlock      `hcl:"folder,block"`
		Bucket       *bucketBlock      `hcl:"bucket,block"`
		Issuers      []issuerBlock     `hcl:"issuer,block"`
		Repositories []repositoryBlock `hcl:"repository,block"`
	}
	folderBlock struct {
		Path   string    `hcl:"path"`
		PathAt hcl.Range `hcl:"path,attr_range"`
	}
	bucketBlock struct {
		Name       string    `hcl:"name"`
		NameAt     hcl.Range `hcl:"name,attr_range"`
		Prefix     string    `hcl:"prefix,optional"`
		PrefixAt   hcl.Range `hcl:"prefix,attr_range"`
		Region     string    `hcl:"region,optional"`
		Endpoint   string    `hcl:"endpoint,optional"`
		EndpointAt hcl.Range `hcl:"endpoint,attr_range"`
		PathStyle  bool      `hcl:"path_style,optional"`
	}
	issuerBlock struct {
		At         hcl.Range `hcl:",def_range"`
		URL        string    `hcl:"url,label"`
		Host       string    `hcl:"host"`
		HostAt     hcl.Range `hcl:"host,attr_range"`
		KeysFile   string    `hcl:"keys_file,optional"`
		KeysFileAt hcl.Range `hcl:"keys_file,attr_range"`
	}
	repositoryBlock struct {
		At              hcl.Range `hcl:",def_range"`
		Name            string    `hcl:"name,label"`
		KeyFile         string    `hcl:"key_file"`
		KeyFileAt       hcl.Range `hcl:"key_file,attr_range"`
		DatabaseFile    string    `hcl:"database_file,optional"`
		DatabaseFileAt  hcl.Range `hcl:"database_file,attr_range"`
		DatabaseEnv     string    `hcl:"database_env,optional"`
		DatabaseEnvAt   hcl.Range `hcl:"database_env,attr_range"`
		RepositoryID    string    `hcl:"repository_id,optional"`
		Branch          string    `hcl:"branch,optional"`
		Workflows       []string  `hcl:"workflows,optional"`
		WorkflowsAt     hcl.Range `hcl:"workflows,attr_range"`
		Writers         []string  `hcl:"writers,optional"`
		WritersAt       hcl.Range `hcl:"writers,attr_range"`
		Rate            *int      `hcl:"rate,optional"`
		RateAt          hcl.Range `hcl:"rate,attr_range"`
		Public          bool      `hcl:"public,optional"`
		ReaderTokenFile string    `hcl:"reader_token_file,optional"`
		ReaderFileAt    hcl.Range `hcl:"reader_token_file,attr_range"`
		ReaderTokenEnv  string    `hcl:"reader_token_env,optional"`
		ReaderEnvAt     hcl.Range `hcl:"reader_token_env,attr_range"`
	}
)

// ReadConfig reads a configuration, and the secrets that it names. What is wrong is an error of the type
// [*policy.InvalidError].
func ReadConfig(file string, env func(string) string) (*Config, error) {
	src, err := readBounded(file, maxConfig)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	r := &configReader{dir: filepath.Dir(file), env: env}
	c := r.read(src, file)
	if len(r.diags) > 0 {
		return nil, &policy.InvalidError{Name: file, Source: src, Diagnostics: r.diags}
	}
	return c, nil
}

func readBounded(path string, limit int64) (_ []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return b, err
}

type configReader struct {
	dir   string
	env   func(string) string
	diags policy.Diagnostics
}

func (r *configReader) fault(at hcl.Range, summary, format string, args ...any) {
	r.diags = append(r.diags, policy.Diagnostic{
		Summary: summary, Detail: fmt.Sprintf(format, args...),
		Position: policy.Position{File: at.Filename, Line: at.Start.Line, Column: at.Start.Column},
		Start:    at.Start.Byte, End: at.End.Byte,
	})
}

func (r *configReader) take(diags hcl.Diagnostics) {
	for _, d := range diags {
		at := hcl.Range{}
		if d.Subject != nil {
			at = *d.Subject
		}
		r.fault(at, d.Summary, "%s", d.Detail)
	}
}

func (r *configReader) read(src []byte, file string) *Config {
	f, diags := hclsyntax.ParseConfig(src, file, hcl.InitialPos)
	if r.take(diags); len(r.diags) > 0 {
		return nil
	}
	var b fileBlock
	if r.take(gohcl.DecodeBody(f.Body, nil, &b)); len(r.diags) > 0 {
		return nil
	}
	c := &Config{Listen: b.Listen, PublicURL: strings.TrimSuffix(b.PublicURL, "/"), Issuers: map[string]*issuer{}}
	if _, port, err := net.SplitHostPort(b.Listen); err != nil || port == "" {
		r.fault(b.ListenAt, "Address is not usable", "Write host and port, such as \"127.0.0.1:8080\", or \":8080\" for every address of this machine.")
	}
	if !isOrigin(c.PublicURL) {
		r.fault(b.PublicURLAt, "URL is not usable", "Write how others reach this server: https:// and a host alone (http:// for this machine alone).")
	}
	if b.Log == nil {
		r.fault(hcl.Range{Filename: file}, "Nothing to serve", "Write a block log { … }: it is the only part that this server has.")
		return nil
	}
	r.log(c, b.Log)
	return c
}

// isOrigin reports whether a text is a URL of a host alone, by https or of this machine.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(s, "?#") {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

func (r *configReader) log(c *Config, b *logBlock) {
	switch {
	case (b.Folder == nil) == (b.Bucket == nil):
		r.fault(b.At, "Place of the logs is not clear", "Write one block: folder { path = … }, or bucket { name = … }.")
		return
	case len(b.Repositories) == 0 || len(b.Repositories) > maxRepositories:
		r.fault(b.At, "Logs are missing", "Write a block repository \"host/owner/name\" { … } for each log, 1 to %d.", maxRepositories)
		return
	}
	if b.Bucket != nil {
		r.bucket(b.Bucket)
	}
	for _, i := range b.Issuers {
		r.issuer(c, &i)
	}
	if c.Issuers["github.com"] == nil {
		c.Issuers["github.com"] = &issuer{url: oidc.GitHub, host: "github.com"}
	}
	for i := range b.Repositories {
		if l := r.repository(c, b, &b.Repositories[i]); l != nil {
			c.Logs = append(c.Logs, l)
		}
	}
}

func (r *configReader) bucket(b *bucketBlock) {
	if b.Name == "" {
		r.fault(b.NameAt, "Bucket has no name", "Write the bucket's name.")
	}
	if b.Prefix != "" && (path.Clean(b.Prefix) != b.Prefix || !filepath.IsLocal(b.Prefix)) {
		r.fault(b.PrefixAt, "Prefix is not usable", "Write it without a slash at its ends, and without . and .. in it.")
	}
	if b.Endpoint != "" && !isOrigin(b.Endpoint) {
		r.fault(b.EndpointAt, "URL is not usable", "Write https:// and a host alone (http:// for this machine alone).")
	}
}

func (r *configReader) issuer(c *Config, b *issuerBlock) {
	i := &issuer{url: b.URL, host: b.Host}
	u, err := url.Parse(b.URL)
	if err != nil || !isOrigin(u.Scheme+"://"+u.Host) || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(b.URL, "/") {
		r.fault(b.At, "Issuer is not usable", "Write its URL as tokens name it: https://, a host, and a path without a slash at its end.")
	}
	if repository, err := names.ParseRepository(b.Host + "/owner/name"); err != nil || repository != b.Host+"/owner/name" {
		r.fault(b.HostAt, "Host is not usable", "Write the host of the issuer's repositories in lower case, such as \"github.com\".")
	}
	if c.Issuers[b.Host] != nil {
		r.fault(b.At, "Issuer is given twice", "Write one issuer for each host.")
	}
	if b.KeysFile != "" {
		text, err := readBounded(r.path(b.KeysFile), oidc.MaxKeys)
		if err == nil {
			i.fixed, err = oidc.ParseKeys(text)
		}
		if err != nil {
			r.fault(b.KeysFileAt, "Keys cannot be read", "%s.", inert.Line(err.Error()))
		}
	}
	c.Issuers[b.Host] = i
}

func (r *configReader) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(r.dir, name)
}

func (r *configReader) repository(c *Config, b *logBlock, x *repositoryBlock) *LogConfig {
	canonical, err := names.ParseRepository(x.Name)
	if err != nil || canonical != x.Name {
		r.fault(x.At, "Repository is not usable", "Write its canonical name, such as \"github.com/acme/shop\" (in lower case on forges that do not tell case apart).")
		return nil
	}
	l := &LogConfig{Repository: x.Name, Origin: x.Name + "/audit", Rate: defaultRate, Public: x.Public, Trust: oidc.Trust{RepositoryID: x.RepositoryID}}
	for _, other := range c.Logs {
		if other.Origin == l.Origin {
			r.fault(x.At, "Repository is given twice", "Write one block for each repository.")
			return nil
		}
		if strings.HasPrefix(other.Origin, l.Origin+"/") || strings.HasPrefix(l.Origin, other.Origin+"/") {
			r.fault(x.At, "Logs would lie in each other", "The logs of %s and %s would have paths in common; keep one of them at another server.", other.Repository, l.Repository)
			return nil
		}
	}
	key, err := keystore.LoadFile(r.path(x.KeyFile), nil)
	if err == nil {
		l.Signer, err = log.NewSigner(l.Origin, key)
	}
	if err == nil {
		l.Verifier, err = log.NewVerifier(l.Origin, key.SSHPublicKey())
	}
	if err != nil {
		r.fault(x.KeyFileAt, "Log's key cannot be used", "%s. It must be an Ed25519 key in OpenSSH's format, readable by this server alone: ssh-keygen -t ed25519 -N '' -f FILE makes one.", inert.Line(err.Error()))
	}
	r.writers(c, l, x)
	r.readers(l, x)
	if x.Rate != nil {
		if l.Rate = *x.Rate; l.Rate < 1 || l.Rate > maxRate {
			r.fault(x.RateAt, "Rate is not usable", "Write how many entries a second are taken, 1 to %d.", maxRate)
		}
	}
	l.Place = r.place(b, x, l)
	return l
}

func (r *configReader) place(b *logBlock, x *repositoryBlock, l *LogConfig) func() largelog.Place {
	if b.Folder != nil {
		if x.DatabaseFile != "" || x.DatabaseEnv != "" {
			r.fault(x.At, "Database is not used", "Logs in a folder have no database: take database_file and database_env out.")
		}
		dir := filepath.Join(r.path(b.Folder.Path), filepath.FromSlash(l.Origin))
		return func() largelog.Place { return &largelog.Folder{Dir: dir} }
	}
	at := x.At
	if x.DatabaseFile != "" {
		at = x.DatabaseFileAt
	} else if x.DatabaseEnv != "" {
		at = x.DatabaseEnvAt
	}
	database := r.secret(at, "Database", x.DatabaseFile, x.DatabaseEnv)
	if database == "" {
		r.fault(at, "Database is missing", "Write database_file or database_env: the name of a file, or of an environment variable, with user:password@tcp(host:port)/database. Each log needs a database of its own.")
	}
	prefix := l.Origin
	if b.Bucket.Prefix != "" {
		prefix = b.Bucket.Prefix + "/" + l.Origin
	}
	return func() largelog.Place {
		return &largelog.Bucket{
			Name: b.Bucket.Name, Prefix: prefix, Region: b.Bucket.Region, Endpoint: b.Bucket.Endpoint, PathStyle: b.Bucket.PathStyle, Database: database,
		}
	}
}

func (r *configReader) writers(c *Config, l *LogConfig, x *repositoryBlock) {
	if len(x.Workflows) == 0 && len(x.Writers) == 0 {
		r.fault(x.At, "Nobody may write", "Write workflows and branch, for runs of workflows, or writers, for keys.")
	}
	if len(x.Workflows) > 0 {
		host, _, _ := strings.Cut(x.Name, "/")
		if c.Issuers[host] == nil {
			r.fault(x.WorkflowsAt, "Issuer is missing", "Write a block issuer \"https://…\" { host = %q }: who makes the tokens of its workflows.", host)
		}
		if x.Branch == "" {
			r.fault(x.WorkflowsAt, "Branch is missing", "Write branch: the repository's default branch. Workflows of other branches are not believed, since everybody who may push one can write them.")
		}
	}
	for _, w := range x.Workflows {
		full, err := oidc.WorkflowAt(x.Name, w, x.Branch)
		if err != nil && x.Branch != "" {
			r.fault(x.WorkflowsAt, "Workflow is not usable", "%s.", inert.Line(err.Error()))
		}
		l.Trust.Workflows = append(l.Trust.Workflows, full)
	}
	if len(x.Writers) > maxWriters {
		r.fault(x.WritersAt, "Too many keys", "At most %d keys may write to one log.", maxWriters)
	}
	for _, line := range x.Writers {
		k, err := signing.ParseAuthorizedKey(line)
		if err != nil {
			r.fault(x.WritersAt, "Key is not usable", "%s: %s.", inert.Line(line), inert.Line(err.Error()))
			continue
		}
		if slices.ContainsFunc(l.Writers, k.Equal) {
			r.fault(x.WritersAt, "Key is given twice", "%s stands there twice.", k.Fingerprint())
		}
		l.Writers = append(l.Writers, k)
	}
}

func (r *configReader) readers(l *LogConfig, x *repositoryBlock) {
	given := 0
	for _, is := range []bool{x.Public, x.ReaderTokenFile != "", x.ReaderTokenEnv != ""} {
		if is {
			given++
		}
	}
	if given > 1 {
		r.fault(x.At, "Readers are not clear", "Write one of public, reader_token_file and reader_token_env, or none: then nobody reads here.")
		return
	}
	at := x.ReaderFileAt
	if x.ReaderTokenEnv != "" {
		at = x.ReaderEnvAt
	}
	if x.ReaderTokenFile == "" && x.ReaderTokenEnv == "" {
		return
	}
	l.Token = r.secret(at, "Token of readers", x.ReaderTokenFile, x.ReaderTokenEnv)
	if len(l.Token) < minToken || strings.ContainsFunc(l.Token, func(c rune) bool { return c <= ' ' || c > '~' }) {
		r.fault(at, "Token of readers is not usable", "It must have at least %d printable ASCII characters, and no spaces: openssl rand -hex 32 makes one.", minToken)
	}
}

// secret is the content of a file, without a line break at its end, or of an environment variable.
func (r *configReader) secret(at hcl.Range, what, file, variable string) string {
	if file == "" {
		if variable == "" {
			return ""
		}
		value := r.env(variable)
		if value == "" {
			r.fault(at, what+" is missing", "The environment variable %s is not set.", inert.Word(variable))
		}
		return value
	}
	path := r.path(file)
	info, err := os.Stat(path)
	if err == nil && info.Mode().Perm()&(fs.ModePerm&0o077) != 0 {
		err = fmt.Errorf("the mode %#o of %s lets others use it: run chmod 600 on it, and make a new one if others may have read it", info.Mode().Perm(), path)
	}
	var b []byte
	if err == nil {
		b, err = readBounded(path, maxSecret)
	}
	if err != nil {
		r.fault(at, what+" cannot be read", "%s.", inert.Line(err.Error()))
		return ""
	}
	return strings.TrimSuffix(string(b), "\n")
}
