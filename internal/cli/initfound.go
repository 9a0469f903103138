package cli

import (
	"bufio"
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/remit-sh/remit/inert"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/policy"
)

// What a repository has already, for the policy that init proposes: branches that live long, files that say who owns
// what, and files that decide what runs.

const (
	maxOwned     = 12      // rules of CODEOWNERS that are proposed
	maxOwnedFile = 1 << 20 // bytes of CODEOWNERS that are read
)

// ownedPaths is a rule of CODEOWNERS that names people.
type ownedPaths struct {
	Name, File string
	Paths      []string
	People     []string // labels
}

// owner is somebody whom CODEOWNERS names.
type owner struct{ Name, Login string }

// longLived lists patterns of the branches at origin that are released from.
func (i *initRun) longLived(trunk string) []string {
	refs, err := i.w.Repo.Refs("refs/remotes/origin/")
	if err != nil {
		return nil
	}
	var found []string
	for ref := range refs {
		name := strings.TrimPrefix(ref, "refs/remotes/origin/")
		folder, _, nested := strings.Cut(name, "/")
		switch {
		case name == trunk || name == "HEAD":
			continue
		case nested && slices.Contains([]string{"release", "releases", "stable", "maintenance", "support"}, folder):
			name = folder + "/**"
		case !nested && slices.Contains([]string{"develop", "staging", "production", "release", "stable"}, name):
		default:
			continue
		}
		if !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

// codeOwners are where CODEOWNERS may be, in the order in which forges look.
func codeOwners() []string {
	return []string{".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"}
}

// ownership fills in what is to be protected, and who owns what.
func (i *initRun) ownership(f *policyFacts) error {
	var protected []string
	add := func(name, pattern string) error {
		there, err := exists(i.root, name)
		if err == nil && there && !slices.Contains(protected, pattern) {
			protected = append(protected, pattern)
		}
		return err
	}
	for _, p := range []struct{ name, pattern string }{
		{".gitlab-ci.yml", ".gitlab-ci.yml"},
		{".gitlab", ".gitlab/**"},
		{".circleci", ".circleci/**"},
		{"Jenkinsfile", "Jenkinsfile"},
		{"azure-pipelines.yml", "azure-pipelines.yml"},
		{"bitbucket-pipelines.yml", "bitbucket-pipelines.yml"},
		{".forgejo", ".forgejo/**"},
		{".gitea", ".gitea/**"},
		{"CODEOWNERS", "CODEOWNERS"},
		{"docs/CODEOWNERS", "docs/CODEOWNERS"},
	} {
		if err := add(p.name, p.pattern); err != nil {
			return err
		}
	}
	if len(protected) > 0 { // what is written stands in place of the default
		workflows := ".github/**"
		if !f.GitHub {
			workflows = ".*/**" // whatever the server's are called
			protected = slices.DeleteFunc(protected, func(p string) bool { return strings.HasPrefix(p, ".") && strings.HasSuffix(p, "/**") })
		}
		f.Protected = append([]string{policy.FileName, workflows}, protected...)
	}
	if !f.GitHub {
		return nil
	}
	for _, name := range codeOwners() {
		file, err := fs.ReadFile(i.root.FS(), name)
		if err == nil && len(file) <= maxOwnedFile {
			i.owners(f, name, file)
			return nil
		}
	}
	return nil
}

// owners proposes the rules of CODEOWNERS that name people other than the human, and says what it leaves out.
func (i *initRun) owners(f *policyFacts, name string, file []byte) {
	left := 0
	lines := bufio.NewScanner(bytes.NewReader(file))
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		paths := ownedPattern(fields[0])
		people, all := peopleOf(fields[1:])
		others := slices.ContainsFunc(people, func(o owner) bool { return !strings.EqualFold(o.Login, f.Login) })
		if len(paths) == 0 || !all || len(f.Owners) == maxOwned {
			left++
			continue
		}
		if !others {
			continue // nobody else is to be asked
		}
		rule := ownedPaths{Name: "owners of " + strings.TrimPrefix(fields[0], "/"), File: path.Base(name), Paths: paths}
		for _, o := range people {
			if strings.EqualFold(o.Login, f.Login) {
				o.Name = f.Name
			} else if !slices.Contains(f.People, o) {
				f.People = append(f.People, o)
			}
			rule.People = append(rule.People, o.Name)
		}
		if !slices.ContainsFunc(f.Owners, func(r ownedPaths) bool { return r.Name == rule.Name }) {
			f.Owners = append(f.Owners, rule)
		}
	}
	if left > 0 {
		i.say("note: %d rules of %s are not in the proposal: those for everything, for teams and addresses, and with patterns that a policy writes otherwise.", left, name)
	}
}

// peopleOf reads the owners of a rule. all is false where one of them is no person's account, or can have no name in a
// policy.
func peopleOf(fields []string) (people []owner, all bool) {
	for _, f := range fields {
		login, ok := strings.CutPrefix(f, "@")
		label := labelOf(login)
		if !ok || !githubLogin().MatchString(login) || label == "" || names.CheckLabel(label) != nil {
			return nil, false
		}
		people = append(people, owner{label, login})
	}
	return people, true
}

// ownedPattern turns a pattern of CODEOWNERS into a policy's; nil where that says something else, or everything.
func ownedPattern(p string) []string {
	if strings.ContainsAny(p, "!\\[]?") || strings.Trim(p, "*/") == "" {
		return nil
	}
	anchored := strings.HasPrefix(p, "/") || strings.Contains(strings.TrimSuffix(p, "/"), "/")
	folder := strings.HasSuffix(p, "/")
	p = strings.Trim(p, "/")
	if !anchored {
		p = "**/" + p
	}
	var list []string
	switch last := path.Base(p); {
	case folder:
		list = []string{p + "/**"}
	case strings.ContainsAny(last, ".*"):
		list = []string{p}
	default:
		list = []string{p, p + "/**"} // a file or a folder
	}
	for _, text := range list {
		if parsed, err := pattern.ParsePath(text); err != nil || parsed.IsZero() || inert.Word(text) != text {
			return nil
		}
	}
	return list
}
