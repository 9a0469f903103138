package expression

import (
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// writeText writes a JSON string.
func writeText(b *strings.Builder, s string) {
	quoted, err := jsontext.AppendQuote(nil, s)
	if err != nil { // not UTF-8: what is wrong is replaced
		quoted, _ = jsontext.AppendQuote(nil, strings.ToValidUTF8(s, "\ufffd"))
	}
	b.Write(quoted)
}

// fromJSON reads JSON. What is not strictly JSON is not known: the forge is more lenient.
func fromJSON(text string) Value {
	if len(text) > maxText {
		return Value{}
	}
	d := jsontext.NewDecoder(strings.NewReader(text))
	budget := maxItems
	v, ok := readJSON(d, 0, &budget)
	if !ok {
		return Value{}
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return Value{}
	}
	return v
}

func readJSON(d *jsontext.Decoder, depth int, budget *int) (Value, bool) {
	t, err := d.ReadToken()
	*budget--
	if err != nil || depth > MaxDepth || *budget < 0 {
		return Value{}, false
	}
	switch t.Kind() {
	case 'n':
		return Value{Type: Null}, true
	case 't', 'f':
		return BoolValue(t.Bool()), true
	case '"':
		return TextValue(t.String()), true
	case '0':
		x, err := strconv.ParseFloat(t.String(), 64)
		return NumberValue(x), err == nil
	case '[':
		v := Value{Type: Array}
		for d.PeekKind() != ']' {
			item, ok := readJSON(d, depth+1, budget)
			if !ok {
				return Value{}, false
			}
			v.Items = append(v.Items, item)
		}
		_, err := d.ReadToken()
		return v, err == nil
	case '{':
		v := Value{Type: Object}
		for d.PeekKind() != '}' {
			key, err := d.ReadToken()
			if err != nil {
				return Value{}, false
			}
			name := key.String()
			item, ok := readJSON(d, depth+1, budget)
			if !ok {
				return Value{}, false
			}
			for _, k := range v.Keys {
				if strings.EqualFold(k, name) {
					return Value{}, false // which of the two counts is not known
				}
			}
			v.Keys, v.Items = append(v.Keys, name), append(v.Items, item)
		}
		_, err := d.ReadToken()
		return v, err == nil
	default:
		return Value{}, false
	}
}
