package query

import (
	"fmt"
	"strings"
	"time"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
)

// Asked is a filter as somebody writes it, on a command line or in an address. What is empty asks for nothing.
type Asked struct {
	Agent, Human, Environment, Verdict, Since, Until, Path, Delegation, Rule, Repository, Surface, Commit string
}

// AskedPart is one part of what is asked.
type AskedPart struct {
	Name string // as flags and addresses name it
	Text *string
}

// Parts are all parts of what is asked, in the order in which they are said.
func (a *Asked) Parts() []AskedPart {
	return []AskedPart{
		{"agent", &a.Agent},
		{"human", &a.Human},
		{"environment", &a.Environment},
		{"verdict", &a.Verdict},
		{"since", &a.Since},
		{"until", &a.Until},
		{"path", &a.Path},
		{"delegation", &a.Delegation},
		{"rule", &a.Rule},
		{"repository", &a.Repository},
		{"surface", &a.Surface},
		{"commit", &a.Commit},
	}
}

// AskedError says which part of what is asked cannot be read.
type AskedError struct {
	Part string
	Err  error
}

func (e *AskedError) Error() string { return e.Part + ": " + e.Err.Error() }
func (e *AskedError) Unwrap() error { return e.Err }

// Filter reads what is asked at a time, from which "how long ago" counts. Its error is an [AskedError].
func (a *Asked) Filter(now time.Time) (*Filter, error) {
	f := &Filter{Environment: a.Environment, Rule: a.Rule, Surface: a.Surface}
	read := map[string]func(string) error{
		"agent": func(s string) (err error) { f.Agent, err = principal(names.Agent, s); return err },
		"human": func(s string) (err error) { f.Human, err = principal(names.Human, s); return err },
		"verdict": func(s string) error {
			v, err := ParseVerdict(s)
			f.Verdict = &v
			return err
		},
		"since": func(s string) (err error) { f.Since, err = ParseTime(s, now); return err },
		"until": func(s string) (err error) { f.Until, err = ParseTime(s, now); return err },
		"path": func(s string) error {
			p, err := pattern.ParsePath(s)
			f.Path = &p
			return err
		},
		"delegation": func(s string) (err error) { f.Delegation, err = ParseDigest(s); return err },
		"repository": func(s string) (err error) { f.Repository, err = names.ParseRepository(s); return err },
		"commit": func(s string) error {
			_, err := ParseDigest(s)
			if f.Commit = s; err != nil || strings.HasPrefix(s, "sha256:") {
				return fmt.Errorf("%s is no commit's id, nor the first %d digits of one", inert.Quote(s), minDigits)
			}
			return nil
		},
	}
	for _, part := range a.Parts() {
		if parse := read[part.Name]; parse != nil && *part.Text != "" {
			if err := parse(*part.Text); err != nil {
				return nil, &AskedError{part.Name, err}
			}
		}
	}
	return f, nil
}

// Words is what is asked, safe to show; "" for all.
func (a *Asked) Words() string {
	var list []string
	for _, part := range a.Parts() {
		if *part.Text != "" {
			list = append(list, part.Name+" "+inert.Word(*part.Text))
		}
	}
	return strings.Join(list, ", ")
}

// principal is a name with or without its kind.
func principal(kind names.Kind, s string) (names.Principal, error) {
	if !strings.Contains(s, ".") {
		s = string(kind) + "." + s
	}
	name, err := names.ParsePrincipal(s)
	if err == nil && name.Kind() != kind {
		err = fmt.Errorf("%s is no %s", name, kind)
	}
	return name, err
}
