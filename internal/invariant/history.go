package invariant

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/signing"
	"github.com/remit-sh/remit/signing/gitobject"
)

// entry is a file of a tree.
type entry struct{ mode, id string }

// tree holds every file by its path.
type tree map[string]entry

// commit is a commit that the test made, and what it knows of it.
type commit struct {
	id        string
	parents   []string
	tree      tree
	by        string
	conflicts []string // what git could not merge
}

// history is a repository in the making. It is made by lines of text, so that a failure can be told
// and told shorter: a line that makes no sense in what the lines before it left is passed over.
type history struct {
	t        testing.TB
	dir      string // of a bare repository
	commits  map[string]*commit
	branches map[string]string
	blobs    map[string][]byte
	trailer  map[string]string // of an agent: what its messages end in
	stored   map[string]bool
	pack     *pack
	tick     int
	script   []string // lines that were of use
}

// published are the branches that the server has; what the others hold has not been pushed yet.
func published(branch string) bool {
	return branch != "work" && branch != "tmp" && branch != "patch"
}

const zeros = "0000000000000000000000000000000000000000"

// newHistory starts with one commit of alice's that every branch of the lists is at.
func newHistory(t testing.TB, dir string, files map[string]string, parents ...string) *history {
	t.Helper()
	h := &history{
		t: t, dir: dir, commits: map[string]*commit{}, branches: map[string]string{}, blobs: map[string][]byte{}, trailer: map[string]string{},
		stored: map[string]bool{},
	}
	for _, d := range []string{"objects", "refs/heads"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if len(parents) == 0 { // else there is a repository
		h.write("HEAD", "ref: refs/heads/main\n")
		h.write("config", "[core]\n\trepositoryformatversion = 0\n\tbare = true\n")
	}
	start := tree{}
	for name, text := range files {
		start[name] = entry{"100644", h.object("blob", []byte(text))}
	}
	root := h.commit("alice", start, parents...)
	h.commits[root].parents = nil // what is before it is not the history's
	for _, b := range []string{"main", "release/1", "feature", "agent/b", "patch", "work", "tmp"} {
		h.branches[b] = root
	}
	return h
}

func (h *history) write(name, text string) {
	h.t.Helper()
	file := filepath.Join(h.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// object stores an object: loose, or where a pack is being made in that.
func (h *history) object(kind string, raw []byte) string {
	h.t.Helper()
	full := append(fmt.Appendf(nil, "%s %d\x00", kind, len(raw)), raw...)
	sum := sha1.Sum(full)
	id := hex.EncodeToString(sum[:])
	if kind == "blob" {
		h.blobs[id] = raw
	}
	if h.stored[id] {
		return id
	}
	h.stored[id] = true
	if h.pack != nil {
		h.pack.add(sum, kind, raw)
		return id
	}
	dir := filepath.Join(h.dir, "objects", id[:2])
	if err := os.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, id[2:]), deflate(full), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return id
}

func deflate(raw []byte) []byte {
	var b bytes.Buffer
	w, err := zlib.NewWriterLevel(&b, zlib.BestSpeed)
	if err == nil {
		_, err = w.Write(raw)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		panic(err) // a buffer takes everything
	}
	return b.Bytes()
}

// pack is a pack file in the making, for histories of many objects.
type pack struct {
	data    bytes.Buffer
	entries []packEntry
}

type packEntry struct {
	id     [sha1.Size]byte
	crc    uint32
	offset int
}

func (p *pack) add(id [sha1.Size]byte, kind string, raw []byte) {
	if p.data.Len() == 0 {
		p.data.WriteString("PACK\x00\x00\x00\x02....")
	}
	at := p.data.Len()
	size := len(raw)
	b := byte(map[string]int{"commit": 1, "tree": 2, "blob": 3}[kind]<<4 | size&15)
	for size >>= 4; size > 0; size >>= 7 {
		p.data.WriteByte(b | 0x80)
		b = byte(size & 0x7f)
	}
	p.data.WriteByte(b)
	p.data.Write(deflate(raw))
	p.entries = append(p.entries, packEntry{id, crc32.ChecksumIEEE(p.data.Bytes()[at:]), at})
}

// packed makes objects go into a pack while f runs.
func (h *history) packed(f func()) {
	h.t.Helper()
	p := &pack{}
	h.pack = p
	f()
	h.pack = nil
	data := p.data.Bytes()
	if len(data) == 0 {
		return
	}
	binary.BigEndian.PutUint32(data[8:], uint32(len(p.entries)))
	sum := sha1.Sum(data)
	data = append(data, sum[:]...)
	slices.SortFunc(p.entries, func(a, b packEntry) int { return bytes.Compare(a.id[:], b.id[:]) })
	index := []byte("\xfftOc\x00\x00\x00\x02")
	for first, n := 0, 0; first < 256; first++ {
		for n < len(p.entries) && int(p.entries[n].id[0]) <= first {
			n++
		}
		index = binary.BigEndian.AppendUint32(index, uint32(n))
	}
	for _, e := range p.entries {
		index = append(index, e.id[:]...)
	}
	for _, e := range p.entries {
		index = binary.BigEndian.AppendUint32(index, e.crc)
	}
	for _, e := range p.entries {
		index = binary.BigEndian.AppendUint32(index, uint32(e.offset))
	}
	index = append(index, sum[:]...)
	own := sha1.Sum(index)
	name := "objects/pack/pack-" + hex.EncodeToString(sum[:])
	h.write(name+".pack", string(data))
	h.write(name+".idx", string(append(index, own[:]...)))
}

// read reads a loose object.
func (h *history) read(id string) []byte {
	h.t.Helper()
	f, err := os.Open(filepath.Join(h.dir, "objects", id[:2], id[2:]))
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // only read
	z, err := zlib.NewReader(f)
	if err != nil {
		h.t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		h.t.Fatal(err)
	}
	_, raw, _ = bytes.Cut(raw, []byte{0})
	return raw
}

func (h *history) content(id string) []byte {
	if _, ok := h.blobs[id]; !ok {
		h.blobs[id] = h.read(id)
	}
	return h.blobs[id]
}

// readTree reads a tree that git made.
func (h *history) readTree(id, under string, into tree) {
	raw := h.read(id)
	for len(raw) > 0 {
		meta, rest, _ := bytes.Cut(raw, []byte{0})
		mode, name, _ := strings.Cut(string(meta), " ")
		child := hex.EncodeToString(rest[:20])
		raw = rest[20:]
		if mode == "40000" {
			h.readTree(child, under+name+"/", into)
		} else {
			into[under+name] = entry{mode, child}
		}
	}
}

// writeTree stores a tree.
func (h *history) writeTree(files tree) string {
	type item struct{ mode, name, id string }
	var items []item
	folders := map[string]tree{}
	for name, e := range files {
		if dir, rest, ok := strings.Cut(name, "/"); ok {
			if folders[dir] == nil {
				folders[dir] = tree{}
			}
			folders[dir][rest] = e
		} else {
			items = append(items, item{e.mode, name, e.id})
		}
	}
	for dir, below := range folders {
		items = append(items, item{"40000", dir, h.writeTree(below)})
	}
	order := func(i item) string {
		if i.mode == "40000" {
			return i.name + "/"
		}
		return i.name
	}
	slices.SortFunc(items, func(a, b item) int { return strings.Compare(order(a), order(b)) })
	var raw []byte
	for _, i := range items {
		id, _ := hex.DecodeString(i.id)
		raw = append(fmt.Appendf(raw, "%s %s\x00", i.mode, i.name), id...)
	}
	return h.object("tree", raw)
}

// principal is who signs under a short name.
func principal(who string) string {
	if who == "alice" || who == "bob" {
		return "human." + who
	}
	return "agent." + who
}

// commit makes a commit that somebody signed.
func (h *history) commit(by string, files tree, parents ...string) string {
	h.t.Helper()
	h.tick++
	var b strings.Builder
	b.WriteString("tree " + h.writeTree(files) + "\n")
	for _, p := range parents {
		b.WriteString("parent " + p + "\n")
	}
	line := fmt.Sprintf("%s <%s@shop.example> %d +0000\n", by, by, dt.Start().Unix()+int64(h.tick))
	b.WriteString("author " + line + "committer " + line + "\nStep " + strconv.Itoa(h.tick) + "\n")
	if d := h.trailer[by]; d != "" {
		b.WriteString("\nDelegation: " + d + "\n")
	}
	payload := []byte(b.String())
	armored, err := signing.SignSSHSIG(dt.Signer(principal(by)), signing.NamespaceGit, payload)
	if err != nil {
		h.t.Fatal(err)
	}
	raw, err := gitobject.WithSignature(payload, armored)
	if err != nil {
		h.t.Fatal(err)
	}
	id := h.object("commit", raw)
	h.commits[id] = &commit{id: id, parents: parents, tree: files, by: by}
	return id
}

// interim makes a commit that only git sees, when it merges a third parent.
func (h *history) interim(treeID string, parents []string) string {
	var b strings.Builder
	b.WriteString("tree " + treeID + "\n")
	for _, p := range parents {
		b.WriteString("parent " + p + "\n")
	}
	b.WriteString("author x <x> 4102444800 +0000\ncommitter x <x> 4102444800 +0000\n\ninterim\n")
	return h.object("commit", []byte(b.String()))
}

// merged is what git makes of a merge by itself, and what it leaves in conflict.
func (h *history) merged(parents []string) (files tree, conflicts []string) {
	h.t.Helper()
	ours, id := parents[0], ""
	for i, theirs := range parents[1:] {
		if i > 0 {
			ours = h.interim(id, parents[:i+1])
		}
		cmd := exec.Command("git", "--git-dir="+h.dir, "merge-tree", "--write-tree", "-z", "--no-messages", ours, theirs)
		cmd.Env = environ(h.dir)
		var complaint bytes.Buffer
		cmd.Stderr = &complaint
		out, err := cmd.Output()
		var exit *exec.ExitError
		if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
			h.t.Fatalf("git merge-tree: %v: %s", err, complaint.String())
		}
		first, rest, _ := strings.Cut(string(out), "\x00")
		id = first
		for line := range strings.SplitSeq(rest, "\x00") {
			if _, name, ok := strings.Cut(line, "\t"); ok && !slices.Contains(conflicts, name) {
				conflicts = append(conflicts, name)
			}
		}
	}
	files = tree{}
	h.readTree(id, "", files)
	return files, conflicts
}

// environ is the environment of git and of remit: nothing of the machine's but where programs are.
func environ(dir string) []string {
	home := filepath.Join(dir, "home")
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "REMIT_HOME=" + home, "XDG_CONFIG_HOME=" + home, "TMPDIR=" + os.TempDir(),
		"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C", "TZ=UTC", "NO_COLOR=1",
	}
}

// find is the commit that a name stands for: BRANCH, BRANCH~N, or BRANCH^2.
func (h *history) find(name string) string {
	base, n, back := strings.Cut(name, "~")
	base, second := strings.CutSuffix(base, "^2")
	id := h.branches[base]
	if id != "" && second {
		ps := h.commits[id].parents
		if len(ps) < 2 {
			return ""
		}
		id = ps[1]
	}
	if count, err := strconv.Atoi(n); back && err == nil {
		for range count {
			if id == "" || len(h.commits[id].parents) == 0 {
				break
			}
			id = h.commits[id].parents[0]
		}
	}
	return id
}

// ancestors are a commit and all that it descends from.
func (h *history) ancestors(ids ...string) map[string]bool {
	seen := map[string]bool{}
	for todo := slices.Clone(ids); len(todo) > 0; {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if id == "" || seen[id] {
			continue
		}
		seen[id] = true
		todo = append(todo, h.commits[id].parents...)
	}
	return seen
}

// tip is the tree of a branch.
func (h *history) tip(branch string) tree {
	if id := h.branches[branch]; id != "" {
		return h.commits[id].tree
	}
	return tree{}
}

// do does one line, and reports whether it meant something here:
//
//	BRANCH start AT                  (re)sets the branch
//	WHO@BRANCH CHANGE; CHANGE…       makes one commit
//	WHO@BRANCH merge AT… HOW; CHANGE…  HOW: leave (as git leaves it), ours, theirs, keep (of the first), take (of the last)
//	WHO@BRANCH pick AT               what that commit changes, made again
func (h *history) do(line string) bool {
	head, rest, _ := strings.Cut(line, " ")
	by, branch, ok := strings.Cut(head, "@")
	if !ok {
		at, isStart := strings.CutPrefix(rest, "start ")
		id := h.find(at)
		if !isStart || id == "" || h.branches[head] == id {
			return false
		}
		h.branches[head] = id
		h.script = append(h.script, line)
		return true
	}
	tip := h.branches[branch]
	if tip == "" {
		return false
	}
	parents := []string{tip}
	files := maps.Clone(h.commits[tip].tree)
	var conflicts []string
	steps := strings.Split(rest, "; ")
	done := false
	if first := strings.Fields(steps[0]); first[0] == "merge" {
		for _, name := range first[1 : len(first)-1] {
			id := h.find(name)
			if id == "" || h.ancestors(parents...)[id] {
				return false
			}
			parents = append(parents, id)
		}
		if first[len(first)-1] == "swap" { // the other one first, as where somebody merges into it
			slices.Reverse(parents)
		}
		files, conflicts = h.resolve(parents, first[len(first)-1])
		steps, done = steps[1:], true
	}
	for _, s := range steps {
		if h.change(files, strings.Fields(s)) {
			done = true
		}
	}
	if !done || len(parents) == 1 && maps.Equal(files, h.commits[tip].tree) {
		return false
	}
	id := h.commit(by, files, parents...)
	h.commits[id].conflicts = conflicts
	h.branches[branch] = id
	if len(conflicts) > 0 {
		line += "   # in conflict: " + strings.Join(conflicts, " ")
	}
	h.script = append(h.script, line)
	return true
}

// resolve is what somebody makes of a merge.
func (h *history) resolve(parents []string, how string) (files tree, conflicts []string) {
	first, last := h.commits[parents[0]].tree, h.commits[parents[len(parents)-1]].tree
	files, conflicts = h.merged(parents)
	side := first
	switch how {
	case "keep": // merge -s ours
		return maps.Clone(first), conflicts
	case "take":
		return maps.Clone(last), conflicts
	case "ours":
	case "theirs":
		side = last
	default:
		return files, conflicts
	}
	for _, name := range conflicts {
		if e, ok := side[name]; ok {
			put(files, name, e)
		} else {
			delete(files, name)
		}
	}
	return files, conflicts
}

// put sets a file, and drops what cannot be beside it.
func put(files tree, name string, e entry) {
	for other := range files {
		if strings.HasPrefix(other, name+"/") || strings.HasPrefix(name, other+"/") {
			delete(files, other)
		}
	}
	files[name] = e
}

// change does one change to files.
func (h *history) change(files tree, words []string) bool {
	if len(words) < 2 {
		return false
	}
	name := words[1]
	old, had := files[name]
	switch {
	case words[0] == "add" && len(words) == 3:
		put(files, name, entry{"100644", h.object("blob", []byte(text(words[2])))})
		return true
	case words[0] == "movedir" && len(words) == 3:
		moved := false
		for _, p := range slices.Sorted(maps.Keys(files)) {
			if below, ok := strings.CutPrefix(p, name+"/"); ok {
				e := files[p]
				delete(files, p)
				put(files, path.Join(words[2], below), e)
				moved = true
			}
		}
		return moved
	case words[0] == "restore" && len(words) == 3:
		id := h.find(words[2])
		if id == "" {
			return false
		}
		e, ok := h.commits[id].tree[name]
		if !ok && !had || e == old {
			return false
		}
		delete(files, name)
		if ok {
			put(files, name, e)
		}
		return true
	case words[0] == "pick":
		id := h.find(name)
		if id == "" || len(h.commits[id].parents) == 0 {
			return false
		}
		before := h.commits[h.commits[id].parents[0]].tree
		for _, p := range differing(before, h.commits[id].tree) {
			delete(files, p)
			if e, ok := h.commits[id].tree[p]; ok {
				put(files, p, e)
			}
		}
		return true
	case !had:
		return false
	}
	switch {
	case words[0] == "edit" && len(words) == 4 && old.mode != "120000":
		lines := strings.Split(string(h.content(old.id)), "\n")
		at, err := strconv.Atoi(words[2])
		if err != nil || at < 0 || at >= len(lines) {
			return false
		}
		lines[at] = words[3]
		files[name] = entry{old.mode, h.object("blob", []byte(strings.Join(lines, "\n")))}
	case words[0] == "delete":
		delete(files, name)
	case words[0] == "move" && len(words) == 3:
		delete(files, name)
		put(files, words[2], old)
	case words[0] == "copy" && len(words) == 3:
		put(files, words[2], old)
	case words[0] == "exec":
		files[name] = entry{"100755", old.id}
	case words[0] == "link":
		files[name] = entry{"120000", h.object("blob", []byte("../policies.hcl"))}
	default:
		return false
	}
	return true
}

// text is the content of a new file: long enough for git to know it again when it moves, and like no
// other.
func text(tag string) string {
	var b strings.Builder
	for i := range 16 {
		fmt.Fprintf(&b, "%s %d %x\n", tag, i, sha1.Sum([]byte(tag+strconv.Itoa(i))))
	}
	return b.String()
}

// differing lists the paths at which two trees differ.
func differing(a, b tree) []string {
	var out []string
	for p, e := range a {
		if b[p] != e {
			out = append(out, p)
		}
	}
	for p := range b {
		if _, ok := a[p]; !ok {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

// refs makes the repository what the server has before the push.
func (h *history) refs() {
	for name, id := range h.branches {
		if published(name) {
			h.write("refs/heads/"+name, id+"\n")
		}
	}
}

// delegate gives an agent a delegation of alice's.
func (h *history) delegate(who string, actions []names.Action, branches, paths []string) string {
	h.t.Helper()
	bundle := dt.Bundle(h.t, "human.alice", dt.Step{To: names.Principal("agent." + who), Change: func(d *delegation.Delegation) {
		d.Scope.Actions = actions
		d.Scope.Branches, d.Scope.Paths = dt.Refs(branches...), dt.Paths(paths...)
	}})
	digest := digestOf(h.t, bundle)
	h.write("refs/remit/delegations/"+strings.TrimPrefix(digest, "sha256:"), h.object("blob", bundle)+"\n")
	h.trailer[who] = digest
	return digest
}

func digestOf(t testing.TB, bundle []byte) string {
	t.Helper()
	c, err := delegation.ParseBundle(bundle)
	if err != nil {
		t.Fatal(err)
	}
	return c.Digest()
}
