package gitrepo

import (
	"bytes"
	"context"
	"unicode/utf8"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/remit-sh/remit/evidence"
)

// Bounds on looking for names in what commits add.
const (
	maxSearched      = 1 << 20   // bytes of one file
	maxSearchedInAll = 128 << 20 // bytes, of both sides of all changes
	maxFound         = 1000      // names in all
	minNameLength    = 3
)

// References finds names such as PROD_TOKEN in lines that new commits add to files: words of capital
// letters, digits and underscores of which wanted reports that they matter. A line that the file had
// before, wherever, is not added. Where a file could not be searched there is a reference without a
// name, since it is too big, not here, or over a limit.
func (r *Repo) References(ctx context.Context, commits []evidence.Commit, wanted func(name string) bool) ([]evidence.Reference, error) {
	s := search{wanted: wanted, known: map[string]bool{}}
	err := r.with(func(src *remembering) error {
		for i := range commits {
			c := &commits[i]
			if !c.New {
				continue
			}
			for _, change := range c.Changes {
				if err := ctx.Err(); err != nil {
					return err
				}
				s.change(src, c.ID, change)
			}
		}
		return nil
	})
	return s.found, err
}

// search is one look for names.
type search struct {
	wanted func(string) bool
	known  map[string]bool // what wanted said
	read   int
	found  []evidence.Reference
}

// change looks through what one commit adds to one file.
func (s *search) change(src source, commit string, c evidence.Change) {
	if c.New.Mode&modeType != modeRegular || c.New.ID == c.Old.ID {
		return
	}
	after, ok := s.content(src, c.New)
	var first []line
	if ok {
		first = s.lines(after)
	}
	if len(first) == 0 && ok {
		return
	}
	before, had := s.content(src, c.Old)
	if !ok || !had {
		s.add(evidence.Reference{Commit: commit, Path: c.Path})
		return
	}
	old := map[string]bool{}
	for text := range bytes.Lines(before) {
		old[string(bytes.TrimRight(text, "\r\n"))] = true
	}
	for _, l := range first {
		if old[string(l.text)] {
			continue
		}
		for _, n := range l.names {
			s.add(evidence.Reference{Commit: commit, Path: c.Path, Line: l.number, Column: n.column, Name: n.text})
		}
	}
}

// add keeps what was found, up to a limit; the last of it says that there may be more.
func (s *search) add(r evidence.Reference) {
	switch {
	case len(s.found) < maxFound:
		s.found = append(s.found, r)
	case len(s.found) == maxFound:
		s.found = append(s.found, evidence.Reference{Commit: r.Commit, Path: r.Path})
	}
}

// content is what a side of a change holds, nothing for what is no plain file. It is not ok where it
// could not be read.
func (s *search) content(src source, e evidence.Entry) (content []byte, ok bool) {
	if e.Mode&modeType != modeRegular {
		return nil, true
	}
	id, ok := parseOID(e.ID)
	if !ok || s.read > maxSearchedInAll {
		return nil, false
	}
	content, err := readKind(src, id, plumbing.BlobObject, maxSearched)
	s.read += len(content)
	return content, err == nil
}

// line is a line with wanted names in it.
type line struct {
	number int
	text   []byte
	names  []foundName
}

type foundName struct {
	text   string
	column int // in characters, from 1
}

// lines are the lines of a file in which there are wanted names.
func (s *search) lines(content []byte) []line {
	var all []line
	number := 0
	for text := range bytes.Lines(content) {
		number++
		text = bytes.TrimRight(text, "\r\n")
		if names := s.names(text); len(names) > 0 {
			all = append(all, line{number, text, names})
		}
	}
	return all
}

// names are the wanted names of a line, each once.
func (s *search) names(text []byte) []foundName {
	var names []foundName
	seen := map[string]bool{}
	for i := 0; i < len(text); {
		start := i
		for i < len(text) && inName(text[i]) {
			i++
		}
		if i == start {
			i++
			continue
		}
		name := string(text[start:i])
		if len(name) < minNameLength || seen[name] || !s.matters(name) {
			continue
		}
		seen[name] = true
		names = append(names, foundName{name, utf8.RuneCount(text[:start]) + 1})
	}
	return names
}

// matters reports whether a word is one that is looked for.
func (s *search) matters(name string) bool {
	capitals := false
	for _, c := range []byte(name) {
		if c >= 'a' && c <= 'z' {
			return false
		}
		capitals = capitals || c >= 'A' && c <= 'Z'
	}
	if !capitals {
		return false
	}
	yes, ok := s.known[name]
	if !ok {
		yes = s.wanted(name)
		if len(s.known) < maxFound {
			s.known[name] = yes
		}
	}
	return yes
}

// inName reports whether a byte continues a word.
func inName(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}
