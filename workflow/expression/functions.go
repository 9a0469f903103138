package expression

import (
	"math"
	"strconv"
	"strings"
)

// StatusFunctions are those that tell how the job went so far. A condition in which none of them is
// called holds only if nothing failed.
func StatusFunctions() []string { return []string{"always", "cancelled", "failure", "success"} }

// call works a function out. All its arguments are, whatever comes of it.
func call(n *Node, env Env) Value {
	if n.Text == "case" {
		return choose(n, env)
	}
	args := make([]Value, len(n.Args))
	known := true
	for i, a := range n.Args {
		args[i] = Eval(a, env)
		known = known && args[i].IsKnown()
	}
	switch n.Text {
	case "contains", "startswith", "endswith":
		if len(args) != 2 {
			return Value{}
		}
		return search(n.Text, args[0], args[1])
	case "format":
		if known && len(args) > 0 {
			return format(args)
		}
	case "join":
		if known && (len(args) == 1 || len(args) == 2) {
			return join(args)
		}
	case "tojson":
		if known && len(args) == 1 {
			return toJSON(args[0])
		}
	case "fromjson":
		if known && len(args) == 1 {
			if text, _ := args[0].AsText(); args[0].Type != Array && args[0].Type != Object {
				return fromJSON(text)
			}
		}
	default:
		return env.Call(n.Text, args)
	}
	return Value{}
}

// choose is case(condition, value, condition, value, …, otherwise).
func choose(n *Node, env Env) Value {
	var open []Value
	for i, arg := range n.Args {
		if i == len(n.Args)-1 { // what remains
			if i%2 != 0 {
				return Value{} // a condition without a value
			}
			return merge(append(open, Eval(arg, env)))
		}
		if i%2 != 0 {
			continue
		}
		switch decide(arg, env) {
		case False:
		case True:
			return merge(append(open, Eval(n.Args[i+1], env)))
		case Perhaps:
			open = append(open, Eval(n.Args[i+1], env))
		}
	}
	return Value{}
}

// search is contains, startsWith and endsWith, which compare without case.
func search(name string, in, what Value) Value {
	if name == "contains" && (in.Type == Array || in.Type == Object) {
		found := False
		for _, item := range in.Items {
			switch equals(item, what) {
			case False:
			case True:
				return BoolValue(true)
			case Perhaps:
				found = Perhaps
			}
		}
		if found == Perhaps {
			return Value{IsBool: true}
		}
		return BoolValue(false)
	}
	if in.Type == Unknown || what.Type == Unknown {
		return Value{IsBool: true}
	}
	if in.Type >= Array || what.Type >= Array {
		return BoolValue(false)
	}
	a, _ := in.AsText()
	b, _ := what.AsText()
	if !IsASCII(a) || !IsASCII(b) {
		return Value{IsBool: true} // which letters are the same is not known
	}
	a, b = Lower(a), Lower(b)
	switch name {
	case "contains":
		return BoolValue(strings.Contains(a, b))
	case "startswith":
		return BoolValue(strings.HasPrefix(a, b))
	default:
		return BoolValue(strings.HasSuffix(a, b))
	}
}

// format puts arguments in the place of {0}, {1} …; doubled braces stand for one.
func format(args []Value) Value {
	text, _ := args[0].AsText()
	var b strings.Builder
	for text != "" {
		i := strings.IndexAny(text, "{}")
		if i < 0 {
			b.WriteString(text)
			break
		}
		b.WriteString(text[:i])
		brace := text[i]
		text = text[i+1:]
		if text != "" && text[0] == brace {
			b.WriteByte(brace)
			text = text[1:]
			continue
		}
		number, rest, ok := strings.Cut(text, "}")
		at, err := strconv.ParseUint(number, 10, 8)
		if brace == '}' || !ok || err != nil || int(at)+1 >= len(args) {
			return Value{} // the run fails
		}
		s, _ := args[at+1].AsText()
		b.WriteString(s)
		text = rest
		if b.Len() > maxText {
			return Value{Truth: True}
		}
	}
	return TextValue(b.String())
}

// join puts a separator between the items of an array.
func join(args []Value) Value {
	separator := ","
	if len(args) == 2 {
		separator, _ = args[1].AsText()
	}
	if args[0].Type != Array {
		if args[0].Type == Object {
			return TextValue("")
		}
		s, _ := args[0].AsText()
		return TextValue(s)
	}
	var b strings.Builder
	for i, item := range args[0].Items {
		if i > 0 {
			b.WriteString(separator)
		}
		if item.Type != Array && item.Type != Object {
			s, _ := item.AsText()
			b.WriteString(s)
		}
		if b.Len() > maxText {
			return Value{Truth: True}
		}
	}
	return TextValue(b.String())
}

// toJSON writes a value with two spaces an indent.
func toJSON(v Value) Value {
	var b strings.Builder
	if !writeJSON(&b, v, 0) {
		return Value{Truth: True}
	}
	s := b.String()
	if !IsASCII(s) || strings.Contains(s, `\u`) || strings.ContainsRune(s, '\x7f') || strings.Contains(s, "E+") {
		return Value{Truth: True} // writers of JSON differ in these
	}
	return TextValue(s)
}

// JSON is a known value as JSON on one line.
func (v Value) JSON() string {
	var b strings.Builder
	if !writeJSON(&b, v, -1) {
		return "…"
	}
	return b.String()
}

// writeJSON writes a value at an indent, on one line where that is negative. It says whether the
// value was known and short enough.
func writeJSON(b *strings.Builder, v Value, indent int) bool {
	if b.Len() > maxText {
		return false
	}
	line := func(depth int) {
		if indent >= 0 {
			b.WriteByte('\n')
			for range depth {
				b.WriteString("  ")
			}
		}
	}
	next := indent
	if indent >= 0 {
		next++
	}
	switch v.Type {
	case Null:
		b.WriteString("null")
	case Bool:
		b.WriteString(strconv.FormatBool(v.Number != 0))
	case Number:
		if math.IsNaN(v.Number) || math.IsInf(v.Number, 0) {
			return false
		}
		b.WriteString(shownNumber(v.Number))
	case String:
		writeText(b, v.Text)
	case Array, Object:
		open, end := byte('['), byte(']')
		if v.Type == Object {
			open, end = '{', '}'
		}
		b.WriteByte(open)
		for i, item := range v.Items {
			if i > 0 {
				b.WriteByte(',')
			}
			line(next)
			if v.Type == Object {
				writeText(b, v.Keys[i])
				b.WriteByte(':')
				if indent >= 0 {
					b.WriteByte(' ')
				}
			}
			if !writeJSON(b, item, next) {
				return false
			}
		}
		if len(v.Items) > 0 {
			line(indent)
		}
		b.WriteByte(end)
	default:
		return false
	}
	return true
}
