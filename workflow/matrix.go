package workflow

import (
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/workflow/expression"
)

// table is a job's matrix with include and exclude applied.
type table struct {
	known bool
	rows  []row
	all   []int // the index of every row
}

// row is one combination: an object of the matrix's keys.
type row struct{ value expression.Value }

// at is a property of a row; nothing is null, as it is on the forge.
func (w row) at(path []string) expression.Value {
	v := w.value
	for _, key := range path {
		if v.Type == expression.Unknown {
			return expression.Value{}
		}
		next, ok := v.Property(expression.TextValue(key))
		if !ok {
			return expression.Value{Type: expression.Null}
		}
		v = next
	}
	return v
}

// values are the different values that a property has in some rows.
func (t *table) values(rows []int, path []string) []expression.Value {
	var values []expression.Value
	for _, i := range rows {
		v := t.rows[i].at(path)
		if !slices.ContainsFunc(values, v.Same) {
			values = append(values, v)
		}
	}
	return values
}

// table works out the matrix of a frame's job, once a run, or once for all where nothing in it has
// to be worked out.
func (r *run) table(f *frame) *table {
	if f.job.fixed != nil {
		return f.job.fixed
	}
	if t := r.tables[f.id]; t != nil {
		return t
	}
	if r.tables == nil {
		r.tables = map[int]*table{}
	}
	// Without a table while it is made: a matrix cannot read itself.
	r.tables[f.id] = &table{}
	sub := *r // what is read for the matrix is no use of a secret in the text at hand
	sub.uses = nil
	t := sub.makeTable(f)
	if sub.forked && !r.forked {
		r.forked, r.forks = true, sub.forks
	}
	r.tables[f.id] = t
	if !r.forked && fixedNode(f.job.file.document, f.job.matrix) {
		f.job.fixed = t
	}
	return t
}

// fixedNode says that there is no expression in a node.
func fixedNode(doc *document, n *yaml.Node) bool {
	n = follow(n)
	if n == nil {
		return true
	}
	if n.Kind == yaml.ScalarNode {
		return doc.text(n, false) == nil
	}
	return !slices.ContainsFunc(n.Content, func(c *yaml.Node) bool { return !fixedNode(doc, c) })
}

func (r *run) makeTable(f *frame) *table {
	n := f.job.matrix
	if isNull(n) {
		return newTable([]row{{expression.Value{Type: expression.Object}}})
	}
	s := r.scope(f)
	matrix := s.node(f.job.file.document, n)
	if matrix.Type != expression.Object {
		return &table{}
	}
	var include, exclude expression.Value
	product := []row{}
	first := true
	for i, key := range matrix.Keys {
		values := matrix.Items[i]
		switch {
		case expression.SameName(key, "include"):
			include = values
			if values.Type != expression.Array {
				return &table{}
			}
			continue
		case expression.SameName(key, "exclude"):
			exclude = values // what it takes away is of no harm where it is not known
			continue
		case values.Type == expression.Unknown:
			values = expression.Value{Items: []expression.Value{{Ref: expression.Ref{Scope: f.id, Path: []string{"matrix", expression.Lower(key)}}}}}
		case values.Type != expression.Array:
			values = expression.Value{Items: []expression.Value{values}}
		}
		if first {
			product, first = []row{{expression.Value{Type: expression.Object}}}, false
		}
		if product = multiply(product, key, values.Items); len(product) > MaxRows || !s.Step(len(product)) {
			r.a.l.problem(evidence.ProblemLimit, f.job.file.place(n), "the matrix has more than %d combinations", MaxRows)
			return &table{}
		}
	}
	product = slices.DeleteFunc(product, func(w row) bool {
		return slices.ContainsFunc(exclude.Items, func(x expression.Value) bool { return covers(x, w.value) })
	})
	rows, ok := included(product, include.Items, s)
	if !ok || len(rows) > MaxRows {
		return &table{}
	}
	return newTable(rows)
}

func newTable(rows []row) *table {
	t := &table{known: true, rows: rows, all: make([]int, len(rows))}
	for i := range rows {
		t.all[i] = i
	}
	return t
}

// multiply adds a key with each of its values to each row.
func multiply(rows []row, key string, values []expression.Value) []row {
	if len(rows)*len(values) > MaxRows {
		return make([]row, MaxRows+1)
	}
	out := make([]row, 0, len(rows)*len(values))
	for _, w := range rows {
		for _, v := range values {
			out = append(out, with(w, key, v))
		}
	}
	return out
}

// with is a row with one more key.
func with(w row, key string, v expression.Value) row {
	return row{expression.Value{
		Type: expression.Object,
		Keys: append(slices.Clone(w.value.Keys), key), Items: append(slices.Clone(w.value.Items), v),
	}}
}

// covers says that everything an entry of exclude names is so in a row, for certain.
func covers(entry, w expression.Value) bool {
	if entry.Type != expression.Object || len(entry.Keys) == 0 {
		return false
	}
	for i, key := range entry.Keys {
		v, ok := w.Property(expression.TextValue(key))
		if !ok || !v.IsKnown() || !matches(entry.Items[i], v) {
			return false
		}
	}
	return true
}

// matches compares an entry of include or exclude with what a row has; objects by the keys that
// the entry names.
func matches(entry, v expression.Value) bool {
	if entry.Type == expression.Object && v.Type == expression.Object {
		for i, key := range entry.Keys {
			inner, ok := v.Property(expression.TextValue(key))
			if !ok || !matches(entry.Items[i], inner) {
				return false
			}
		}
		return true
	}
	if entry.Type == expression.Array && v.Type == expression.Array {
		return entry.Same(v)
	}
	return entry.Equals(v) == expression.True
}

// included applies include: an entry is added to every combination that it contradicts in nothing
// of the original, and is a combination of its own where there is none.
func included(product []row, entries []expression.Value, s *scope) ([]row, bool) {
	rows := slices.Clone(product)
	var extra []row
	for _, entry := range entries {
		if entry.Type != expression.Object || !s.Step(len(product)) {
			return nil, false // it could set anything
		}
		placed := false
		for i, original := range product {
			fits := true
			for k, key := range entry.Keys {
				have, ok := original.value.Property(expression.TextValue(key))
				if !ok {
					continue
				}
				if !have.IsKnown() || !entry.Items[k].IsKnown() {
					return nil, false
				}
				fits = fits && (have.Same(entry.Items[k]) || have.Equals(entry.Items[k]) == expression.True)
			}
			if !fits {
				continue
			}
			placed = true
			for k, key := range entry.Keys {
				rows[i] = replaced(rows[i], key, entry.Items[k])
			}
		}
		if !placed {
			extra = append(extra, row{entry})
		}
	}
	return append(rows, extra...), true
}

// replaced is a row in which a key has a value, whatever it had before.
func replaced(w row, key string, v expression.Value) row {
	for i, k := range w.value.Keys {
		if expression.SameName(k, key) {
			items := slices.Clone(w.value.Items)
			items[i] = v
			return row{expression.Value{Type: expression.Object, Keys: w.value.Keys, Items: items}}
		}
	}
	return with(w, key, v)
}
