package query_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/remit-sh/remit/audit"
	"github.com/remit-sh/remit/audit/audittest"
	"github.com/remit-sh/remit/audit/log"
	"github.com/remit-sh/remit/audit/log/logtest"
	"github.com/remit-sh/remit/audit/query"
	"github.com/remit-sh/remit/names"
	"github.com/remit-sh/remit/pattern"
	"github.com/remit-sh/remit/verdict"
)

func glob(t *testing.T, s string) *pattern.Pattern {
	t.Helper()
	p, err := pattern.ParsePath(s)
	if err != nil {
		t.Fatal(err)
	}
	return &p
}

func of(v verdict.Verdict) *verdict.Verdict { return &v }

// TestFilter: each filter finds its entries of the story, and no other.
func TestFilter(t *testing.T) {
	t.Parallel()
	entries, chains := audittest.Story(t)
	at := func(d time.Duration) time.Time { return audittest.Start().Add(d) }
	coder := chains[0]
	for name, tt := range map[string]struct {
		filter query.Filter
		want   []int
	}{
		"all":                 {query.Filter{}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8}},
		"agent":               {query.Filter{Agent: "agent.coder"}, []int{0, 1, 4, 5}},
		"agent that passed":   {query.Filter{Agent: "agent.planner"}, []int{0, 1, 4, 5}},
		"agent, longer name":  {query.Filter{Agent: "agent.code"}, nil},
		"human that acted":    {query.Filter{Human: "human.alice", Path: glob(t, "policies.hcl")}, []int{3}},
		"human":               {query.Filter{Human: "human.alice"}, []int{0, 1, 3, 4, 5, 6}},
		"human that approved": {query.Filter{Human: "human.carol"}, []int{5}},
		"environment":         {query.Filter{Environment: "PRODUCTION"}, []int{4, 5}},
		"other environment":   {query.Filter{Environment: "prod"}, nil},
		"allow":               {query.Filter{Verdict: of(verdict.Allowed)}, []int{0, 2, 3, 5}},
		"deny":                {query.Filter{Verdict: of(verdict.Denied)}, []int{1, 6, 7}},
		"pending":             {query.Filter{Verdict: of(verdict.Waiting)}, []int{4}},
		"undecided":           {query.Filter{Verdict: of(verdict.NotDecided)}, []int{8}},
		"since":               {query.Filter{Since: at(8 * time.Minute)}, []int{7, 8}},
		"until":               {query.Filter{Until: at(2 * time.Minute)}, []int{0}},
		"path":                {query.Filter{Path: glob(t, "src/**")}, []int{0}},
		"no path":             {query.Filter{Path: glob(t, "src")}, nil},
		"delegation":          {query.Filter{Delegation: coder.Digest()[:20]}, []int{0, 1, 4, 5}},
		"root delegation":     {query.Filter{Delegation: coder[0].Digest}, []int{0, 1, 4, 5}},
		"no delegation":       {query.Filter{Delegation: "sha256:" + "0000000000"}, nil},
		"rule":                {query.Filter{Rule: "scope-path"}, []int{1}},
		"no rule":             {query.Filter{Rule: "scope"}, nil},
		"repository":          {query.Filter{Repository: "github.com/acme/shop"}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8}},
		"other repository":    {query.Filter{Repository: "github.com/acme/sho"}, nil},
		"surface":             {query.Filter{Surface: "deploy"}, []int{4, 5}},
		"commit":              {query.Filter{Commit: audittest.Commit(3)}, []int{2}},
		"two":                 {query.Filter{Agent: "agent.coder", Verdict: of(verdict.Denied)}, []int{1}},
	} {
		var got []int
		for i, e := range entries {
			switch tt.filter.Match(e) {
			case query.Yes:
				got = append(got, i)
			case query.Perhaps:
				t.Errorf("%s: entry %d matches perhaps, and nothing is cut", name, i)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// TestPerhaps: what an entry leaves out may be what is asked for, and then it is found and marked.
func TestPerhaps(t *testing.T) {
	t.Parallel()
	var paths []string
	for i := range 50 {
		paths = append(paths, fmt.Sprintf("src/%d.go", i))
	}
	e := audittest.Entry(t, 1, audittest.Part{Actor: "agent.coder", Paths: paths})
	for path, want := range map[string]query.Match{"src/3.go": query.Yes, "src/49.go": query.Perhaps, "nowhere": query.Perhaps} {
		if got := (&query.Filter{Path: glob(t, path)}).Match(e); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	if got := (&query.Filter{Path: glob(t, "nowhere"), Agent: "agent.other"}).Match(e); got != query.No {
		t.Errorf("another agent's: %d", got)
	}
	cut := audit.List[string]{Items: []string{"human.bob"}, Cut: 1, Digest: audit.Digest(nil)}
	e.Gates.Items = []audit.Gate{{Name: "g", Counted: cut}}
	for who, want := range map[names.Principal]query.Match{"human.bob": query.Yes, "human.carol": query.Perhaps} {
		if got := (&query.Filter{Human: who}).Match(e); got != want {
			t.Errorf("%s: %d, want %d", who, got, want)
		}
	}
	e.Gates.Items[0].Counted.Cut = 0
	if got := (&query.Filter{Human: "human.carol"}).Match(e); got != query.No {
		t.Errorf("human.carol, where nothing is cut: %d", got)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	now := audittest.Start()
	for s, want := range map[string]time.Time{
		"2026-11-22T13:00:00+01:00": time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), "2026-11-21": time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC),
		"90m": now.Add(-90 * time.Minute), "7d": now.Add(-7 * 24 * time.Hour), "0d": now,
		"": {}, "-1h": {}, "7dx": {}, "yesterday": {}, "99999999d": {}, "-1d": {}, "07d": {},
	} {
		got, err := query.ParseTime(s, now)
		if (err != nil) != want.IsZero() || !got.Equal(want) {
			t.Errorf("ParseTime(%q) = %v, %v", s, got, err)
		}
	}
	whole := audit.Digest(nil)
	for s, want := range map[string]string{
		whole: whole, whole[7:]: whole, "e3b0c4": "sha256:e3b0c4", "sha256:e3b0c4": "sha256:e3b0c4",
		"e3b0c": "", whole + "0": "", "E3B0C4": "", "sha1:e3b0c4": "", "": "",
	} {
		if got, err := query.ParseDigest(s); got != want || (err == nil) != (want != "") {
			t.Errorf("ParseDigest(%q) = %q, %v", s, got, err)
		}
	}
	for _, v := range query.Verdicts() {
		if got, err := query.ParseVerdict(v.String()); err != nil || got != v {
			t.Errorf("ParseVerdict(%s) = %v, %v", v, got, err)
		}
	}
	if _, err := query.ParseVerdict("denied"); err == nil {
		t.Error("denied is a verdict")
	}
}

func reader(t *testing.T, l *log.Log) *log.Reader {
	t.Helper()
	r, err := l.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestEach: order and limit; the limit counts the newest, in whatever order they come.
func TestEach(t *testing.T) {
	t.Parallel()
	entries := audittest.Many(t, 0, 700)
	l := audittest.Fill(t, &logtest.Memory{}, entries)
	for name, tt := range map[string]struct {
		filter *query.Filter
		order  query.Order
		want   []int64 // the first, the last, how many
	}{
		"newest first":        {&query.Filter{}, query.Order{}, []int64{699, 0, 700}},
		"oldest first":        {&query.Filter{}, query.Order{OldestFirst: true}, []int64{0, 699, 700}},
		"three":               {&query.Filter{}, query.Order{Limit: 3}, []int64{699, 697, 3}},
		"three, oldest first": {&query.Filter{}, query.Order{Limit: 3, OldestFirst: true}, []int64{697, 699, 3}},
		"more than there are": {&query.Filter{}, query.Order{Limit: 1000, OldestFirst: true}, []int64{0, 699, 700}},
		"two of some":         {&query.Filter{Path: glob(t, "src/pay/card_7.go")}, query.Order{Limit: 2, OldestFirst: true}, []int64{507, 607, 2}},
		"none":                {&query.Filter{Rule: "unsigned"}, query.Order{Limit: 2, OldestFirst: true}, []int64{-1, -1, 0}},
	} {
		first, last, count := int64(-1), int64(-1), int64(0)
		err := query.Each(t.Context(), reader(t, l), tt.filter, tt.order, func(e *query.Found) error {
			if first < 0 {
				first = e.Index
			}
			if last = e.Index; e.Entry.ID != entries[e.Index].ID {
				t.Fatalf("%s: entry %d is another one", name, e.Index)
			}
			count++
			return nil
		})
		if got := []int64{first, last, count}; err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, tt.want)
		}
	}
	stop := errors.New("stop")
	if err := query.Each(t.Context(), reader(t, l), &query.Filter{}, query.Order{}, func(*query.Found) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("ended with %v", err)
	}
}

// TestFollow: what is appended comes once and in order, whatever fails in between; a log that is exchanged ends it.
func TestFollow(t *testing.T) {
	t.Parallel()
	store := &failing{}
	l := audittest.Fill(t, store, audittest.Many(t, 0, 10))
	ctx, cancel := context.WithCancel(t.Context())
	var got []int64
	var troubles, moved int
	step := 0
	err := query.Follow(ctx, query.Following{
		Log: l, Filter: &query.Filter{}, After: reader(t, l).Checkpoint(),
		Wait: func(context.Context) error {
			step++
			switch step {
			case 2:
				audittest.Grow(t, store, audittest.Many(t, 10, 12))
			case 3, 4:
				store.fails = true // twice, of which it speaks once
			case 5:
				store.fails = false
				audittest.Grow(t, store, audittest.Many(t, 12, 600))
			case 7:
				cancel()
			}
			return nil
		},
		Trouble: func(error) { troubles++ }, Moved: func(log.Checkpoint) { moved++ },
	}, func(e *query.Found) error { got = append(got, e.Index); return nil })
	if err != nil || len(got) != 590 || got[0] != 10 || !slices.IsSorted(got) || got[589] != 599 || troubles != 1 || moved != 2 {
		t.Errorf("%v: %d entries, %d troubles, %d moves", err, len(got), troubles, moved)
	}

	// Another history of the same key.
	after := reader(t, l).Checkpoint()
	other := &failing{}
	forked := audittest.Fill(t, other, audittest.Many(t, 1000, 1700))
	err = query.Follow(t.Context(), query.Following{
		Log: forked, Filter: &query.Filter{}, After: after, Wait: func(context.Context) error { return nil },
	}, func(*query.Found) error { t.Error("an entry of another history"); return nil })
	if !errors.Is(err, log.ErrForked) {
		t.Errorf("a fork: %v", err)
	}
	taken := errors.New("taken enough")
	err = query.Follow(t.Context(), query.Following{
		Log: l, Filter: &query.Filter{}, After: log.Checkpoint{Origin: after.Origin, Hash: empty(t)}, Wait: func(context.Context) error { return nil },
	}, func(*query.Found) error { return taken })
	if !errors.Is(err, taken) {
		t.Errorf("ended with %v", err)
	}
}

// empty is the hash of a log without entries.
func empty(t *testing.T) (h [32]byte) {
	t.Helper()
	l := logtest.Log(t, &logtest.Memory{})
	c, err := l.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c.Hash
}

// failing is a store that cannot be read for a while.
type failing struct {
	logtest.Memory
	fails bool
}

func (s *failing) Look(ctx context.Context) (log.View, error) {
	if s.fails {
		return nil, errors.New("the server is not there")
	}
	return s.Memory.Look(ctx)
}

// TestFind: an entry is found by its index, its commit, its identity, its digest and a delegation in it.
func TestFind(t *testing.T) {
	t.Parallel()
	entries, chains := audittest.Story(t)
	r := reader(t, audittest.Fill(t, &logtest.Memory{}, entries, chains...))
	b, err := entries[2].Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		name   string
		index  int64 // -1: none
		others []int64
	}{
		"index":         {"4", 4, nil},
		"commit":        {audittest.Commit(3), 2, nil},
		"identity":      {entries[2].ID, 2, nil},
		"identity, cut": {entries[2].ID[:19], 2, nil},
		"entry":         {audit.Digest(b), 2, nil},
		"delegation":    {chains[1].Digest()[7:20], 8, []int64{2}},
		"part of chain": {chains[0][0].Digest, 5, []int64{4, 1, 0}},
		"none":          {"ffffffff", -1, nil},
	} {
		n, ok := query.ParseName(tt.name, 9)
		if !ok {
			t.Errorf("%s: %q names nothing", name, tt.name)
			continue
		}
		found, others, more, err := query.Find(t.Context(), r, n)
		if err != nil || more != 0 || (found == nil) != (tt.index < 0) || found != nil && found.Index != tt.index || !slices.Equal(others, tt.others) {
			t.Errorf("%s: found %v, others %v, %v", name, found != nil, others, err)
		}
	}
	for _, s := range []string{"", "main", "9", "-1", "00000", "sha256:", "HEAD~1"} {
		if n, ok := query.ParseName(s, 9); ok {
			t.Errorf("%q names %+v", s, n)
		}
	}
}

// TestSome: stretch by stretch, in either direction, every entry that is asked for comes once, however little is looked
// at or handed on at once.
func TestSome(t *testing.T) {
	t.Parallel()
	l := audittest.Fill(t, &logtest.Memory{}, audittest.Many(t, 0, 700))
	r := reader(t, l)
	for _, tt := range []struct {
		filter *query.Filter
		limit  int
		most   int64
		want   int
	}{
		{&query.Filter{}, 50, 1000, 700},
		{&query.Filter{}, 1, 1, 700},
		{&query.Filter{}, 100, 256, 700},
		{&query.Filter{Path: glob(t, "src/pay/card_7.go")}, 3, 100, 7},
		{&query.Filter{Path: glob(t, "src/pay/card_7.go")}, 7, 1000, 7},
		{&query.Filter{Rule: "unsigned"}, 3, 100, 0},
	} {
		for _, oldest := range []bool{false, true} {
			var got []int64
			at := int64(700)
			if oldest {
				at = 0
			}
			for end := false; !end; {
				before, count := at, 0
				var err error
				at, end, err = query.Some(t.Context(), r, tt.filter, query.Stretch{At: at, OldestFirst: oldest, Limit: tt.limit, Most: tt.most}, func(e *query.Found) error {
					got = append(got, e.Index)
					count++
					return nil
				})
				moved := max(at-before, before-at)
				if err != nil || count > tt.limit || moved > tt.most || moved == 0 {
					t.Fatalf("%+v: from %d to %d with %d entries: %v", tt, before, at, count, err)
				}
			}
			if !oldest {
				slices.Reverse(got)
			}
			if len(got) != tt.want || !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
				t.Errorf("%+v, oldest first %v: %d entries: %v", tt, oldest, len(got), got)
			}
		}
	}
	if next, end, err := query.Some(t.Context(), r, &query.Filter{}, query.Stretch{At: 9999, Limit: 1, Most: 9}, func(e *query.Found) error {
		if e.Index != 699 {
			t.Errorf("entry %d comes first", e.Index)
		}
		return nil
	}); next != 699 || end || err != nil {
		t.Errorf("%d, %v, %v", next, end, err)
	}
}

// TestAsked: what somebody writes is the filter, or the part that is wrong is named.
func TestAsked(t *testing.T) {
	t.Parallel()
	now := audittest.Start()
	a := query.Asked{Agent: "coder", Human: "human.alice", Since: "1h", Path: "src/**", Commit: "abcdef0"}
	f, err := a.Filter(now)
	if err != nil || f.Agent != "agent.coder" || f.Human != "human.alice" || !f.Since.Equal(now.Add(-time.Hour)) || f.Path == nil || f.Commit != "abcdef0" || f.Verdict != nil {
		t.Errorf("%+v, %v", f, err)
	}
	if got := a.Words(); got != "agent coder, human human.alice, since 1h, path src/**, commit abcdef0" {
		t.Error(got)
	}
	for _, wrong := range []query.Asked{
		{Agent: "human.alice"},
		{Human: "a b"},
		{Verdict: "denied"},
		{Since: "soon"},
		{Until: "soon"},
		{Path: "[a"},
		{Delegation: "sha256:"},
		{Repository: "shop"},
		{Commit: "sha256:abcdef0"},
	} {
		var why *query.AskedError
		if _, err := wrong.Filter(now); !errors.As(err, &why) || !strings.HasPrefix(wrong.Words(), why.Part+" ") {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
}
