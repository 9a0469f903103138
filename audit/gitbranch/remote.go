package gitbranch

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
)

// protocols are those by which a remote may be reached.
const protocols = "file:git:http:https:ssh"

// tracked is the ref that keeps what was fetched.
const tracked = "refs/remit/audit/remote"

// runRemote is run for what reaches a remote.
func (s *Store) runRemote(ctx context.Context, login []string, in io.Reader, args ...string) (string, error) {
	env := s.remoteEnvironment(login)
	if args[0] == "push" {
		// What the remote has at other refs git may look into, to leave that out of what it sends. Where it is here in part
		// the rest comes now.
		env = append(env, "GIT_NO_LAZY_FETCH=0")
	}
	return s.runWith(ctx, env, in, args...)
}

func (s *Store) remoteEnvironment(login []string) []string {
	env := append(append([]string(nil), s.env...), "GIT_ALLOW_PROTOCOL="+protocols)
	return append(env, login...)
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

// part is how much of a log comes with what is asked for. However long the log is, it stays small.
type part struct {
	commit string // the filter for a commit
	with   int    // levels of folders, and what is in them but for the last, that come with it
	folder string // the filter for folders that are asked for by their ids
	below  int    // levels that come with one, itself counted
	bare   bool   // files come only where they are asked for
}

// parts are those that a server may be asked for, the best first. Three levels of a commit are its checkpoint, index/a,
// bundle/a and tile/entries; with index/a/b come the folders in it. Some servers give no more than what is named, and
// some know of no such filters, and give all folders.
func parts() []part {
	const all = 100 // levels
	return []part{
		{commit: "tree:3", with: 3, folder: "tree:2", below: 2},
		{commit: "tree:0", folder: "tree:0", below: 1},
		{commit: "blob:none", with: all, folder: "blob:none", below: all, bare: true},
	}
}

// levelsOf is how many levels of an object are here, itself counted.
func (s *Store) levelsOf(id string) int {
	s.fetching.Lock()
	defer s.fetching.Unlock()
	return s.fetched[id]
}

// levelsBelow is how many levels are here of what is in a folder.
func (s *Store) levelsBelow(folder, n *node) int {
	s.fetching.Lock()
	defer s.fetching.Unlock()
	known := s.fetched[hex.EncodeToString(n.id)]
	if !n.isFolder() && parts()[s.part].bare {
		return known
	}
	return max(known, folder.levels-1)
}

// fetch runs git fetch, with the best part that the server gives. It fetches what is here too: a folder that is here
// alone does not stand for those in it.
func (s *Store) fetch(ctx context.Context, in string, filter func(part) string, args ...string) error {
	for {
		command := append([]string{
			"fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--refetch",
			"--filter=" + filter(parts()[s.part]),
		}, args...)
		_, err := s.runRemote(ctx, s.remoteEnv, strings.NewReader(in), command...)
		if err == nil || s.part+1 == len(parts()) || !strings.Contains(err.Error(), "filter") {
			return err
		}
		s.part++
	}
}

// fetchTip fetches a commit that the remote's branch is at, and as much of the history as depth says. A store without a
// remote has all of it.
func (s *Store) fetchTip(ctx context.Context, id, depth string) error {
	if s.remote == "" {
		return nil
	}
	s.fetching.Lock()
	defer s.fetching.Unlock()
	if s.fetched[id] > 0 && depth == "--depth=1" {
		return nil
	}
	if err := s.fetch(ctx, "", func(p part) string { return p.commit }, depth, s.remote, "+"+id+":"+tracked); err != nil {
		return err
	}
	s.fetched[id] = parts()[s.part].with + 1
	return nil
}

// fetchedWith notes that a commit came with another one.
func (s *Store) fetchedWith(tip, id string) {
	s.fetching.Lock()
	defer s.fetching.Unlock()
	s.fetched[id] = max(s.fetched[id], s.fetched[tip])
}

// fetchLevel fetches what is not here of one level: folders that lead on, and, where they are asked for, files.
func (s *Store) fetchLevel(ctx context.Context, level []*way, files bool) error {
	if s.remote == "" {
		return nil
	}
	s.fetching.Lock()
	defer s.fetching.Unlock()
	want := map[string]*way{}
	alone := false
	for _, w := range level {
		folder := w.at.isFolder() && w.on != nil
		if w.at.levels > 0 || !folder && (!files || w.on != nil || !w.at.isFile()) {
			continue
		}
		want[hex.EncodeToString(w.at.id)] = w
		// Such a folder holds a thousand files.
		alone = alone || folder && strings.HasPrefix(path.Base(w.path), "x")
	}
	if len(want) == 0 {
		return nil
	}
	in := strings.Join(slices.Sorted(maps.Keys(want)), "\n") + "\n"
	filter := func(p part) string {
		if alone && !p.bare {
			return "tree:0"
		}
		return p.folder
	}
	if err := s.fetch(ctx, in, filter, "--depth=1", "--stdin", s.remote); err != nil {
		return err
	}
	for id, w := range want {
		s.fetched[id] = 1
		if p := parts()[s.part]; w.at.isFolder() && (!alone || p.bare) {
			s.fetched[id] = p.below
		}
	}
	for _, w := range level {
		w.at.levels = max(w.at.levels, s.fetched[hex.EncodeToString(w.at.id)])
	}
	return nil
}

// fetchFiles fetches files of a commit, and returns their ids; one that names nothing for each that is not there.
func (s *Store) fetchFiles(ctx context.Context, commit string, paths []string) ([]string, error) {
	root, err := s.tree(ctx, commit, paths, true)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(paths))
	for i, p := range paths {
		names[i] = s.none
		if n := root.at(p); n != nil && n.isFile() {
			names[i] = hex.EncodeToString(n.id)
		}
	}
	return names, nil
}

// fetchObjects fetches objects by their ids, with nothing that they refer to, by one request. A ref of the spool may be
// at a commit, of which nothing is wanted but that it is one.
func (s *Store) fetchObjects(ctx context.Context, ids []string) error {
	s.fetching.Lock()
	defer s.fetching.Unlock()
	var want strings.Builder
	for _, id := range ids {
		if s.fetched[id] == 0 {
			fmt.Fprintln(&want, id)
		}
	}
	if want.Len() == 0 {
		return nil
	}
	filter := func(p part) string {
		if p.bare {
			return p.folder
		}
		return "tree:0"
	}
	if err := s.fetch(ctx, want.String(), filter, "--depth=1", "--stdin", s.remote); err != nil {
		return err
	}
	for _, id := range ids {
		s.fetched[id] = max(s.fetched[id], 1)
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
