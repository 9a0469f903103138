package gitbranch

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// protocols are those by which a remote may be reached.
const protocols = "file:git:http:https:ssh"

// tracked is the ref that keeps what was fetched.
const tracked = "refs/remit/audit/remote"

// runRemote is run for what reaches a remote.
func (s *Store) runRemote(ctx context.Context, login []string, in io.Reader, args ...string) (string, error) {
	env := append(append([]string(nil), s.env...), "GIT_ALLOW_PROTOCOL="+protocols)
	return s.runWith(ctx, append(env, login...), in, args...)
}

// remoteTip is the commit that the branch is at on the remote; "" where there is no such branch.
func (s *Store) remoteTip(ctx context.Context) (string, error) {
	out, err := s.runRemote(ctx, s.remoteEnv, nil, "ls-remote", "--quiet", s.remote, s.ref)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(out) {
		if id, ref, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok && ref == s.ref {
			return id, nil
		}
	}
	return "", nil
}

// fetchTip fetches a commit that the remote's branch is at with its trees and without its files, and as much of the
// history as depth says. A store without a remote has all of it.
func (s *Store) fetchTip(ctx context.Context, id, depth string) error {
	if s.remote == "" {
		return nil
	}
	s.fetching.Lock()
	defer s.fetching.Unlock()
	if s.fetched[id] && depth == "--depth=1" {
		return nil
	}
	if _, err := s.runRemote(ctx, s.remoteEnv, nil, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--filter=blob:none", depth,
		s.remote, "+"+id+":"+tracked); err != nil {
		return err
	}
	s.fetched[id] = true
	return nil
}

// fetchFiles fetches the files of a commit by one request, and returns their ids; one that names nothing for each that is not there.
func (s *Store) fetchFiles(ctx context.Context, commit string, paths []string) ([]string, error) {
	const atOnce = 1000 // paths that are asked for by one command
	ids := map[string]string{}
	for from := 0; from < len(paths); from += atOnce {
		args := append([]string{"ls-tree", "-r", "--full-tree", commit, "--"}, paths[from:min(from+atOnce, len(paths))]...)
		out, err := s.run(ctx, nil, args...)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(out) {
			entry, path, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			if fields := strings.Fields(entry); len(fields) == 3 && fields[1] == "blob" {
				ids[path] = fields[2]
			}
		}
	}
	names := make([]string, len(paths))
	var want []string
	for i, p := range paths {
		names[i] = s.none
		if id := ids[p]; id != "" {
			names[i], want = id, append(want, id)
		}
	}
	return names, s.fetchObjects(ctx, want)
}

// fetchObjects fetches objects by their ids, with nothing that they refer to, by one request.
func (s *Store) fetchObjects(ctx context.Context, ids []string) error {
	s.fetching.Lock()
	defer s.fetching.Unlock()
	var want strings.Builder
	for _, id := range ids {
		if !s.fetched[id] {
			fmt.Fprintln(&want, id)
		}
	}
	if want.Len() == 0 {
		return nil
	}
	// A ref of the spool may be at a commit, of which nothing is wanted but that it is one. Nothing is said of what is
	// here: the server would take it that the files of the commits are.
	if _, err := s.runRemote(ctx, s.remoteEnv, strings.NewReader(want.String()), "-c", "fetch.negotiationAlgorithm=noop",
		"fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--filter=blob:none", "--depth=1", "--stdin", s.remote); err != nil {
		return err
	}
	for _, id := range ids {
		s.fetched[id] = true
	}
	return nil
}

// pushTip moves the remote's branch from one commit to another.
func (s *Store) pushTip(ctx context.Context, id, from string) error {
	_, err := s.runRemote(ctx, s.remoteEnv, nil, "push", "--quiet", "--no-verify", "--no-thin", "--force-with-lease="+s.ref+":"+from, s.remote, id+":"+s.ref)
	if err != nil && refused(err) {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}

// remoteRefs lists refs of the remote, in the form "<object id> <ref>", a line each.
func (s *Store) remoteRefs(ctx context.Context, pattern string) (string, error) {
	out, err := s.runRemote(ctx, s.remoteEnv, nil, "ls-remote", "--quiet", s.remote, pattern)
	return strings.ReplaceAll(out, "\t", " "), err
}

// deleteRemote takes refs of the remote away that are still at what was read, and leaves the others.
func (s *Store) deleteRemote(ctx context.Context, refs []spoolRef) error {
	args := []string{"push", "--quiet", "--no-verify"}
	for _, r := range refs {
		args = append(args, "--force-with-lease="+r.name+":"+r.id)
	}
	args = append(args, s.remote)
	for _, r := range refs {
		args = append(args, ":"+r.name)
	}
	_, err := s.runRemote(ctx, s.remoteEnv, nil, args...)
	return err
}
