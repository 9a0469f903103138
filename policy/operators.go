package policy

import (
	"errors"
	"math"
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

var errOverflow = errors.New("a number is too large")

func (k *compiler) unary(x *hclsyntax.UnaryOpExpr, op operand) operand {
	v := k.compile(x.Val)
	switch x.Op {
	case hclsyntax.OpLogicalNot:
		if !k.want(v, boolType) {
			return op
		}
		op.typ = typ{base: boolType}
		op.node = func(m *machine) (value, error) {
			r, err := v.node(m)
			return boolValue(!r.yes), err
		}
	case hclsyntax.OpNegate:
		if !k.want(v, numberType) {
			return op
		}
		op.typ = typ{base: numberType}
		op.node = func(m *machine) (value, error) {
			r, err := v.node(m)
			return numberValue(-r.num), err // never the least number: what is read has 18 digits
		}
	}
	return op
}

func (k *compiler) binary(x *hclsyntax.BinaryOpExpr, op operand) operand {
	a, b := k.compile(x.LHS), k.compile(x.RHS)
	op.typ = typ{base: boolType}
	switch x.Op {
	case hclsyntax.OpLogicalAnd, hclsyntax.OpLogicalOr:
		okA, okB := k.want(a, boolType), k.want(b, boolType)
		if okA && okB {
			op.node = logical(a.node, b.node, x.Op == hclsyntax.OpLogicalOr)
		}
	case hclsyntax.OpEqual, hclsyntax.OpNotEqual:
		if k.comparable(a, b) {
			op.node = equality(a.node, b.node, x.Op == hclsyntax.OpEqual)
		}
	case hclsyntax.OpLessThan, hclsyntax.OpLessThanOrEqual, hclsyntax.OpGreaterThan, hclsyntax.OpGreaterThanOrEqual:
		okA, okB := k.want(a, numberType), k.want(b, numberType)
		if okA && okB {
			op.node = ordering(a.node, b.node, x.Op)
		}
	case hclsyntax.OpAdd, hclsyntax.OpSubtract, hclsyntax.OpMultiply:
		op.typ = typ{base: numberType}
		okA, okB := k.want(a, numberType), k.want(b, numberType)
		if okA && okB {
			op.node = arithmetic(a.node, b.node, x.Op)
		}
	default:
		k.errorf(op.at, "Not part of the language", "Division has no use in a condition: compare with a multiple instead.")
	}
	return op
}

// logical stops at the first operand that decides. One that is not known yet leaves it to the other, which
// may decide whatever the first will be.
func logical(a, b node, decides bool) node {
	return func(m *machine) (value, error) {
		v, err := a(m)
		if !errors.Is(err, ErrNotYet) {
			if err != nil || v.yes == decides {
				return v, err
			}
			return b(m)
		}
		w, errB := b(m)
		if errB == nil && w.yes != decides {
			return value{}, err
		}
		return w, errB
	}
}

// both evaluates two operands.
func both(a, b node, then func(v, w value) (value, error)) node {
	return func(m *machine) (value, error) {
		v, err := a(m)
		if err != nil {
			return value{}, err
		}
		w, err := b(m)
		if err != nil {
			return value{}, err
		}
		if err := m.spend(min(v.size(), w.size())); err != nil {
			return value{}, err
		}
		return then(v, w)
	}
}

func equality(a, b node, want bool) node {
	return both(a, b, func(v, w value) (value, error) { return boolValue(v.equal(w) == want), nil })
}

func ordering(a, b node, op *hclsyntax.Operation) node {
	return both(a, b, func(v, w value) (value, error) {
		switch op {
		case hclsyntax.OpLessThan:
			return boolValue(v.num < w.num), nil
		case hclsyntax.OpLessThanOrEqual:
			return boolValue(v.num <= w.num), nil
		case hclsyntax.OpGreaterThan:
			return boolValue(v.num > w.num), nil
		default:
			return boolValue(v.num >= w.num), nil
		}
	})
}

// arithmetic keeps results far from the limits of the type, so that none wraps around.
func arithmetic(a, b node, op *hclsyntax.Operation) node {
	const most = math.MaxInt64 / 4
	return both(a, b, func(v, w value) (value, error) {
		x, y := v.num, w.num
		var r int64
		switch op {
		case hclsyntax.OpAdd:
			r = x + y
		case hclsyntax.OpSubtract:
			r = x - y
		default:
			if r = x * y; x != 0 && (r/x != y) {
				return value{}, errOverflow
			}
		}
		if r > most || r < -most {
			return value{}, errOverflow
		}
		return numberValue(r), nil
	})
}

func (k *compiler) conditional(x *hclsyntax.ConditionalExpr, op operand) operand {
	cond, a, b := k.compile(x.Condition), k.compile(x.TrueResult), k.compile(x.FalseResult)
	if !k.want(cond, boolType) || a.node == nil || b.node == nil {
		return op
	}
	if !a.typ.same(b.typ) {
		k.errorf(b.at, "Wrong type", "This is %s and the other result is %s: both must be alike.", b.typ, a.typ)
		return op
	}
	op.typ = typ{base: max(a.typ.base, b.typ.base), list: a.typ.list}
	op.node = func(m *machine) (value, error) {
		v, err := cond.node(m)
		switch {
		case err != nil:
			return value{}, err
		case v.yes:
			return a.node(m)
		default:
			return b.node(m)
		}
	}
	return op
}

func (k *compiler) tuple(x *hclsyntax.TupleConsExpr, op operand) operand {
	op.typ = typ{list: true}
	nodes := make([]node, 0, len(x.Exprs))
	plain := true
	for _, e := range x.Exprs {
		el := k.compile(e)
		if el.node == nil {
			return operand{at: op.at}
		}
		switch {
		case el.typ.list:
			k.errorf(el.at, "Wrong type", "A list cannot stand in a list.")
			return operand{at: op.at}
		case op.typ.base == noType:
			op.typ.base = el.typ.base
		case op.typ.base != el.typ.base:
			k.errorf(el.at, "Wrong type", "This is %s, in %s.", el.typ, op.typ)
			return operand{at: op.at}
		}
		if el.typ.domain != domainAny {
			op.typ.domain = el.typ.domain
		}
		plain = plain && len(el.lits) == 1
		op.lits = append(op.lits, el.lits...)
		nodes = append(nodes, el.node)
	}
	if !plain {
		op.lits = nil
	}
	op.node = func(m *machine) (value, error) {
		if err := m.spend(len(nodes)); err != nil {
			return value{}, err
		}
		list := make([]value, len(nodes))
		for i, n := range nodes {
			v, err := n(m)
			if err != nil {
				return value{}, err
			}
			list[i] = v
		}
		return value{list: list}, nil
	}
	return op
}

// each compiles [for x in list : result if condition].
func (k *compiler) each(x *hclsyntax.ForExpr, op operand) operand {
	if x.KeyVar != "" || x.KeyExpr != nil || x.Group {
		k.errorf(op.at, "Not part of the language", "A for expression makes a list from a list: [for l in pr.labels : lower(l)].")
		return op
	}
	coll := k.compile(x.CollExpr)
	if coll.node == nil {
		return op
	}
	if !coll.typ.list {
		k.errorf(coll.at, "Wrong type", "This is %s, where a list is required.", coll.typ)
		return op
	}
	slot := len(k.locals)
	k.locals = append(k.locals, local{x.ValVar, typ{base: coll.typ.base, domain: coll.typ.domain}})
	result := k.compile(x.ValExpr)
	always := operand{}.constant(typ{base: boolType}, boolValue(true))
	cond := always
	if x.CondExpr != nil {
		cond = k.compile(x.CondExpr)
	}
	k.locals = slices.Delete(k.locals, slot, slot+1)
	if result.node == nil || !k.want(cond, boolType) {
		return op
	}
	if result.typ.list {
		k.errorf(result.at, "Wrong type", "A list cannot stand in a list.")
		return op
	}
	op.typ = typ{base: result.typ.base, list: true, domain: result.typ.domain}
	op.node = func(m *machine) (value, error) {
		v, err := coll.node(m)
		if err != nil {
			return value{}, err
		}
		out := []value{}
		for _, e := range v.list {
			m.locals = append(m.locals[:slot], e)
			if err := m.spend(1); err != nil {
				return value{}, err
			}
			keep, err := cond.node(m)
			if err != nil {
				return value{}, err
			}
			if !keep.yes {
				continue
			}
			r, err := result.node(m)
			if err != nil {
				return value{}, err
			}
			out = append(out, r)
		}
		return value{list: out}, nil
	}
	return op
}
