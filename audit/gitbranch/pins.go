package gitbranch

import (
	"context"
	"fmt"
	"strings"
)

// PinPrefix is where tags are that keep what a log was at: each is called after a checkpoint and at the commit that had
// it. A forge lets tags, and no other refs but branches, be protected from being moved and deleted.
const PinPrefix = "refs/tags/remit/audit/"

// Pins are the names of the tags below [PinPrefix], with that before them. Anybody who may make tags can make some.
func (s *Store) Pins(ctx context.Context) ([]string, error) {
	var out string
	var err error
	if s.remote != "" {
		out, err = s.runRemote(ctx, s.remoteEnv, nil, "ls-remote", "--quiet", s.remote, PinPrefix+"*")
		out = strings.ReplaceAll(out, "\t", " ")
	} else {
		out, err = s.run(ctx, nil, "for-each-ref", "--format=%(objectname) %(refname)", PinPrefix)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the pins of the audit log: %w", err)
	}
	var names []string
	for line := range strings.Lines(out) {
		if _, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " "); ok && strings.HasPrefix(name, PinPrefix) {
			names = append(names, name)
		}
	}
	return names, nil
}

// Pin makes a tag of that full name at the commit that the branch is at. Where it is there already it stays.
func (s *Store) Pin(ctx context.Context, name string) error {
	tip, err := s.tip(ctx)
	if err == nil && tip == "" {
		err = fmt.Errorf("there is no branch %s", s.ref)
	}
	if err == nil && s.remote == "" {
		_, err = s.run(ctx, nil, "update-ref", name, tip, s.none)
	} else if err == nil {
		if err = s.fetchTip(ctx, tip, "--depth=1"); err == nil {
			_, err = s.runRemote(ctx, s.remoteEnv, nil, "push", "--quiet", "--no-verify", "--force-with-lease="+name+":", s.remote, tip+":"+name)
		}
	}
	if err != nil {
		return fmt.Errorf("pinning the audit log: %w", err)
	}
	return nil
}
