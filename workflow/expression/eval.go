package expression

// Env is what an expression is worked out in. Every method may be asked about the same thing again.
type Env interface {
	// Scope is the scope of the names in the expression.
	Scope() int
	// Resolve is the value of a property of a context; the zero value where it is not known.
	Resolve(Ref) Value
	// ResolveAny is called in place of Resolve where a property is taken whose name is not known,
	// or every property: "secrets[x]", "secrets.*". all tells which.
	ResolveAny(ref Ref, all bool) Value
	// Equal says whether a property of which Resolve would not know the value equals a known one.
	Equal(Ref, Value) Truth
	// Decide says whether an operand whose truth is not known counts as true.
	Decide(*Node, Value) Truth
	// Call is the value of success(), failure() and other functions that are not worked out here.
	Call(name string, args []Value) Value
	// Assume is called before and after an operand is worked out that counts only if a property counts
	// as false: b in "a || b".
	Assume(ref Ref, in bool)
	// Step is told of the work that was done, at least 1 for every node, and returns false to stop: what is
	// left is unknown then.
	Step(work int) bool
}

// Eval works an expression out.
func Eval(n *Node, env Env) Value { return force(eval(n, env), env) }

// force works out a property that only its name is known of.
func force(v Value, env Env) Value {
	if !v.lazy {
		return v
	}
	r := env.Resolve(v.Ref)
	r.Ref, r.lazy = v.Ref, false
	return r
}

func eval(n *Node, env Env) Value {
	if !env.Step(1) {
		return Value{}
	}
	switch n.Kind {
	case NullLiteral:
		return Value{Type: Null}
	case BoolLiteral:
		return BoolValue(n.Number != 0)
	case NumberLiteral:
		return NumberValue(n.Number)
	case StringLiteral:
		return TextValue(n.Text)
	case Name:
		return Value{Ref: Ref{env.Scope(), []string{n.Text}}, lazy: true}
	case Index:
		return index(n, env)
	case Call:
		v := call(n, env)
		if !env.Step(len(v.Text)/64 + len(v.Items)) {
			return Value{}
		}
		return v
	case Not:
		t := decide(n.Args[0], env).Not()
		if t == Perhaps {
			return Value{IsBool: true}
		}
		return BoolValue(t == True)
	case Less, LessEqual, Greater, GreaterEqual:
		a, b := Eval(n.Args[0], env), Eval(n.Args[1], env)
		return compare(n.Kind, a, b)
	case Equal, NotEqual:
		t := equality(n, env)
		if n.Kind == NotEqual {
			t = t.Not()
		}
		if t == Perhaps {
			return Value{IsBool: true}
		}
		return BoolValue(t == True)
	case And, Or:
		return junction(n, env)
	default:
		return Value{}
	}
}

// decide works out an operand and says whether it counts as true.
func decide(n *Node, env Env) Truth {
	v := Eval(n, env)
	if t := v.AsTruth(); t != Perhaps {
		return t
	}
	return env.Decide(n, v)
}

// equality is a == b. A property is asked for as a whole only where it is not compared with
// something known, so that no more is told apart than the comparison does.
func equality(n *Node, env Env) Truth {
	a, b := eval(n.Args[0], env), eval(n.Args[1], env)
	if a.lazy && !b.lazy {
		a, b = b, a
	}
	if b.lazy && !a.lazy && a.IsKnown() && a.Type != Array && a.Type != Object {
		return env.Equal(b.Ref, a)
	}
	return equals(force(a, env), force(b, env))
}

// junction is && and ||, which give the operand that decides.
func junction(n *Node, env Env) Value {
	stops := False // the truth at which an operand decides
	if n.Kind == Or {
		stops = True
	}
	var open []Value // operands that perhaps decide
	var assumed []Ref
	defer func() {
		for _, r := range assumed {
			env.Assume(r, false)
		}
	}()
	for i, arg := range n.Args {
		v := Eval(arg, env)
		t := v.AsTruth()
		last := i == len(n.Args)-1
		if t == Perhaps && !last {
			if t = env.Decide(arg, v); t != Perhaps {
				v = narrowed(v, t)
			}
		}
		if t == stops || last {
			return merge(append(open, v))
		}
		if t == Perhaps {
			open = append(open, narrowed(v, stops))
			if n.Kind == Or && !v.Ref.IsZero() {
				env.Assume(v.Ref, true)
				assumed = append(assumed, v.Ref)
			}
		}
	}
	return Value{}
}

// narrowed is a value of which it is known now that it counts as true, or as false.
func narrowed(v Value, t Truth) Value {
	if v.IsBool {
		return BoolValue(t == True)
	}
	v.Truth = t
	return v
}

// merge is what is known of a value that is one of several.
func merge(values []Value) Value {
	if len(values) == 1 {
		return values[0]
	}
	first := values[0]
	same, isBool, truth := true, true, first.AsTruth()
	for _, v := range values {
		same = same && v.Same(first)
		isBool = isBool && (v.Type == Bool || v.Type == Unknown && v.IsBool)
		if v.AsTruth() != truth {
			truth = Perhaps
		}
	}
	if same && first.Type != Unknown {
		return first
	}
	return Value{Truth: truth, IsBool: isBool}
}

// index is a.b, a[b] and a.*.
func index(n *Node, env Env) Value {
	from := eval(n.Args[0], env)
	if n.Args[1].Kind == Star {
		return star(from, env)
	}
	key := Eval(n.Args[1], env)
	if from.lazy {
		text, ok := key.AsText()
		if !ok || key.Type == Array || key.Type == Object {
			v := env.ResolveAny(from.Ref, false)
			v.lazy = false
			return v
		}
		path := make([]string, 0, len(from.Ref.Path)+1)
		path = append(append(path, from.Ref.Path...), Lower(text))
		return Value{Ref: Ref{from.Ref.Scope, path}, lazy: true}
	}
	if from.Type == Object && key.Type == Unknown && !key.Ref.IsZero() {
		return chosen(from, key.Ref, env)
	}
	if from.Type == Unknown || key.Type == Unknown {
		return Value{}
	}
	if from.filtered {
		items := make([]Value, 0, len(from.Items))
		for _, item := range from.Items {
			if item.Type == Unknown {
				return Value{Truth: True}
			}
			if v, ok := item.Property(key); ok {
				items = append(items, v)
			}
		}
		return Value{Type: Array, Items: items, filtered: true}
	}
	if v, ok := from.Property(key); ok {
		return v
	}
	return Value{Type: Null}
}

// chosen is the item of an object under a key that is a property: a table of environments by branch,
// for one.
func chosen(from Value, key Ref, env Env) Value {
	for i, k := range from.Keys {
		switch env.Equal(key, TextValue(k)) {
		case False:
		case True:
			return from.Items[i]
		case Perhaps:
			return Value{}
		}
	}
	return Value{Type: Null}
}

// star is a.*: all items of an array or object.
func star(from Value, env Env) Value {
	if from.lazy {
		from = env.ResolveAny(from.Ref, true)
	}
	switch from.Type {
	case Unknown:
		return Value{Truth: True} // an array, whatever is in it
	case Array, Object:
		if !from.filtered {
			return Value{Type: Array, Items: from.Items, filtered: true}
		}
		var items []Value
		for _, item := range from.Items {
			if item.Type == Unknown || len(items)+len(item.Items) > maxItems {
				return Value{Truth: True}
			}
			items = append(items, item.Items...)
		}
		return Value{Type: Array, Items: items, filtered: true}
	default:
		return Value{Type: Array, filtered: true}
	}
}

// maxItems bounds the arrays that are worked out.
const maxItems = 10_000
