package expression

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// Type says what is known of a value. The zero value is that nothing is.
type Type uint8

// The types of value.
const (
	Unknown Type = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

// Truth says whether a value counts as true, as far as that is known.
type Truth uint8

// The answers.
const (
	Perhaps Truth = iota
	False
	True
)

// TruthOf is True or False.
func TruthOf(b bool) Truth {
	if b {
		return True
	}
	return False
}

// Not is the opposite, and of Perhaps it is Perhaps.
func (t Truth) Not() Truth {
	switch t {
	case True:
		return False
	case False:
		return True
	default:
		return Perhaps
	}
}

// Value is what an expression comes to. The zero value is unknown.
type Value struct {
	Type   Type
	Number float64 // of a Bool: 0 or 1
	Text   string
	Items  []Value  // of an Array, and of an Object, beside Keys
	Keys   []string // compared without case

	// Ref is set where the value is a property of a context, worked out or not.
	Ref Ref
	// Truth is what is known of an Unknown value all the same, and IsBool that it is a boolean.
	Truth  Truth
	IsBool bool
	// filtered says that an Array comes from ".*", so that a property of it is one of its items.
	filtered bool
	// lazy says that Ref was not worked out yet.
	lazy bool
}

// Ref is a property of a context: its path, from the name of the context on, in lower case.
// Scope says whose context it is; what it means is the [Env]'s business.
type Ref struct {
	Scope int
	Path  []string
}

// IsZero reports whether the reference names nothing.
func (r Ref) IsZero() bool { return len(r.Path) == 0 }

// String is the canonical form of the property, without the scope.
func (r Ref) String() string {
	var b strings.Builder
	for i, p := range r.Path {
		switch {
		case i == 0:
			b.WriteString(p)
		case isWord(p):
			b.WriteString("." + p)
		default:
			b.WriteByte('[')
			quote(&b, p)
			b.WriteByte(']')
		}
	}
	return b.String()
}

// BoolValue is true or false.
func BoolValue(b bool) Value {
	if b {
		return Value{Type: Bool, Number: 1}
	}
	return Value{Type: Bool}
}

// NumberValue is the number x.
func NumberValue(x float64) Value { return Value{Type: Number, Number: x} }

// TextValue is the text s; one that is too long to be worth following is unknown, but not empty.
func TextValue(s string) Value {
	if len(s) > maxText {
		return Value{Truth: True}
	}
	return Value{Type: String, Text: s}
}

// maxText bounds the texts that are worked out, in bytes.
const maxText = 64 << 10

// AsTruth says whether the value counts as true.
func (v Value) AsTruth() Truth {
	switch v.Type {
	case Unknown:
		return v.Truth
	case Null:
		return False
	case Bool, Number:
		return TruthOf(v.Number != 0 && !math.IsNaN(v.Number))
	case String:
		return TruthOf(v.Text != "")
	default:
		return True
	}
}

// IsKnown says that the value and all that is in it is known.
func (v Value) IsKnown() bool {
	if v.Type == Unknown {
		return false
	}
	for _, item := range v.Items {
		if !item.IsKnown() {
			return false
		}
	}
	return true
}

// AsText is the value as it is put into a text, and whether it is known.
func (v Value) AsText() (string, bool) {
	switch v.Type {
	case Null:
		return "", true
	case Bool:
		return strconv.FormatBool(v.Number != 0), true
	case Number:
		return shownNumber(v.Number), true
	case String:
		return v.Text, true
	case Array:
		return "Array", true
	case Object:
		return "Object", true
	default:
		return "", false
	}
}

// asNumber is what a value of another type is compared as.
func (v Value) asNumber() float64 {
	switch v.Type {
	case Null:
		return 0
	case Bool, Number:
		return v.Number
	case String:
		return textNumber(v.Text)
	default:
		return math.NaN()
	}
}

// Property is the item of an object or array under a key, and whether there is one.
func (v Value) Property(key Value) (Value, bool) {
	switch v.Type {
	case Object:
		text, ok := key.AsText()
		if !ok {
			return Value{}, false
		}
		for i, k := range v.Keys {
			switch sameText(k, text) {
			case False:
			case True:
				return v.Items[i], true
			case Perhaps:
				return Value{}, true
			}
		}
	case Array:
		if x := key.asNumber(); key.Type == Number && x >= 0 && x < float64(len(v.Items)) {
			return v.Items[int(x)], true
		}
	case Unknown, Null, Bool, Number, String: // which have none
	}
	return Value{}, false
}

// Same reports whether two values are the same throughout, texts with case. Unknown values are the same
// where they are the same property.
func (v Value) Same(w Value) bool {
	if v.Type != w.Type || len(v.Items) != len(w.Items) || v.Text != w.Text || v.Number != w.Number {
		return false
	}
	if v.Type == Unknown {
		return !v.Ref.IsZero() && v.Ref.Scope == w.Ref.Scope && slices.Equal(v.Ref.Path, w.Ref.Path)
	}
	for i := range v.Items {
		if !v.Items[i].Same(w.Items[i]) {
			return false
		}
	}
	return slices.Equal(v.Keys, w.Keys)
}

// IsWord says that the value is a text that equals no value of another type: neither empty nor a number.
func (v Value) IsWord() bool { return v.Type == String && math.IsNaN(textNumber(v.Text)) }

// equals compares as "==" does: texts without case, other types by number.
func equals(a, b Value) Truth {
	switch {
	case a.Type == Unknown || b.Type == Unknown:
		return Perhaps
	case a.Type == String && b.Type == String:
		return sameText(a.Text, b.Text)
	case (a.Type == Array || a.Type == Object) && a.Type == b.Type:
		return Perhaps // whether they are one and the same is not known
	default:
		return TruthOf(a.asNumber() == b.asNumber())
	}
}

// Equals compares as "==" does.
func (v Value) Equals(w Value) Truth { return equals(v, w) }

// compare is a < b, a <= b and so on.
func compare(kind Kind, a, b Value) Value {
	if a.Type == Unknown || b.Type == Unknown {
		return Value{IsBool: true}
	}
	var order int
	if a.Type == String && b.Type == String {
		if !IsASCII(a.Text) || !IsASCII(b.Text) {
			return Value{IsBool: true}
		}
		order = strings.Compare(Upper(a.Text), Upper(b.Text))
	} else {
		x, y := a.asNumber(), b.asNumber()
		switch {
		case math.IsNaN(x) || math.IsNaN(y):
			return BoolValue(false)
		case x < y:
			order = -1
		case x > y:
			order = 1
		}
	}
	switch kind {
	case Less:
		return BoolValue(order < 0)
	case LessEqual:
		return BoolValue(order <= 0)
	case Greater:
		return BoolValue(order > 0)
	default:
		return BoolValue(order >= 0)
	}
}

// parseNumber reads the literal of a number; NaN where it is none.
func parseNumber(s string) float64 {
	digits := strings.TrimLeft(s, "+-")
	if len(s)-len(digits) > 1 {
		return math.NaN()
	}
	if digits == s && len(digits) > 2 && digits[0] == '0' {
		base := 0
		switch digits[1] {
		case 'x':
			base = 16
		case 'o':
			base = 8
		}
		if base > 0 {
			// Of 32 bits, the first of which is the sign.
			x, err := strconv.ParseUint(digits[2:], base, 32)
			if err != nil {
				return math.NaN()
			}
			if x >= 1<<31 {
				return float64(x) - 1<<32
			}
			return float64(x)
		}
	}
	if digits == "Infinity" {
		if s[0] == '-' {
			return math.Inf(-1)
		}
		return math.Inf(1)
	}
	for i := range len(digits) {
		if c := digits[i]; (c < '0' || c > '9') && c != '.' && c != 'e' && c != 'E' && c != '+' && c != '-' {
			return math.NaN()
		}
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(x, 0) {
		return math.NaN()
	}
	return x
}

// textNumber is the number that a text is compared as.
func textNumber(s string) float64 {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0
	}
	return parseNumber(s)
}

// shownNumber writes a number as it is put into a text: with at most 15 digits.
func shownNumber(x float64) string {
	switch {
	case math.IsNaN(x):
		return "NaN"
	case math.IsInf(x, 1):
		return "Infinity"
	case math.IsInf(x, -1):
		return "-Infinity"
	case x == 0:
		return "0"
	default:
		return strconv.FormatFloat(x, 'G', 15, 64)
	}
}

// exactNumber writes a number so that reading it gives the same one.
func exactNumber(x float64) string {
	if x == 0 && math.Signbit(x) {
		return "-0"
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}
