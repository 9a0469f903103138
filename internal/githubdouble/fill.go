package githubdouble

import (
	"fmt"
	"slices"
	"time"
)

// filler turns what the double has to say into what the description asks for: it drops members that
// the schema does not have, so that one rendering serves the short and the long form of a thing, and
// adds the required ones that nobody set, with the emptiest value that the schema allows.
type filler struct {
	*contract
	base string    // URL of the API
	now  time.Time // for required times
}

// branchKey in an object names the schema to take where the description offers several.
const branchKey = "$as"

func (f filler) fill(schema, value any) any { return f.value(f.pick(schema, value), value, "", nil) }

func (f filler) value(schema object, value any, name string, beside object) any {
	switch v := value.(type) {
	case nil:
		return f.empty(schema, name, beside)
	case time.Time:
		if v.IsZero() {
			return f.empty(schema, name, beside)
		}
		return v.UTC().Format(time.RFC3339)
	case *time.Time:
		return f.value(schema, *v, name, beside)
	case object:
		return f.object(schema, v)
	case []object:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = f.item(schema, item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = f.item(schema, item)
		}
		return out
	case []string:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = item
		}
		return out
	default:
		return v
	}
}

func (f filler) item(schema object, item any) any {
	return f.value(f.pick(schema["items"], item), item, "", nil)
}

func (f filler) object(schema, value object) any {
	properties, _ := schema["properties"].(object)
	additional, ok := schema["additionalProperties"]
	free := len(properties) == 0 || ok && additional != false
	out := object{}
	for name, member := range value {
		if properties[name] == nil && free && name != branchKey {
			out[name] = f.value(object{}, member, name, nil)
		}
	}
	required, _ := schema["required"].([]any)
	for name, sub := range properties {
		member, set := value[name]
		picked := f.pick(sub, member)
		if t, isTime := member.(time.Time); !set || member == nil || isTime && t.IsZero() {
			if set && picked["nullable"] == true {
				out[name] = nil
			} else if slices.Contains(required, any(name)) {
				out[name] = f.empty(picked, name, value)
			}
			continue
		}
		out[name] = f.value(picked, member, name, value)
	}
	return out
}

// pick resolves references, joins allOf, and chooses among anyOf and oneOf what the value looks like.
func (f filler) pick(schema, value any) object {
	node, _ := schema.(object)
	node = f.resolve(node)
	if all, ok := node["allOf"].([]any); ok {
		joined := object{"properties": object{}, "nullable": node["nullable"]}
		for _, part := range all {
			part := f.pick(part, value)
			for key, v := range part {
				switch key {
				case "properties":
					for name, sub := range v.(object) {
						joined["properties"].(object)[name] = sub
					}
				case "required":
					have, _ := joined["required"].([]any)
					joined["required"] = slices.Concat(have, v.([]any))
				case "nullable":
				default:
					joined[key] = v
				}
			}
		}
		return joined
	}
	for _, key := range []string{"oneOf", "anyOf"} {
		if branches, ok := node[key].([]any); ok && node["properties"] == nil {
			return f.branch(node, branches, value)
		}
	}
	return node
}

func (f filler) branch(node object, branches []any, value any) object {
	want := ""
	switch v := value.(type) {
	case object:
		if as, ok := v[branchKey].(string); ok {
			for _, b := range branches {
				if ref, _ := b.(object)["$ref"].(string); ref == "#/components/schemas/"+as {
					return f.pick(b, value)
				}
			}
		}
		want = "object"
	case string:
		want = "string"
	case int, int64:
		want = "integer"
	case []object, []any, []string:
		want = "array"
	}
	for _, b := range branches {
		if picked := f.pick(b, value); picked["type"] == want {
			return picked
		}
	}
	if node["nullable"] == true {
		return node
	}
	return f.pick(branches[0], value)
}

// empty is the least that a schema allows.
func (f filler) empty(schema object, name string, beside object) any {
	if schema["nullable"] == true {
		return nil
	}
	if choices, ok := schema["enum"].([]any); ok {
		return choices[0]
	}
	switch schema["type"] {
	case "string":
		switch {
		case schema["format"] == "date-time":
			return f.now.UTC().Format(time.RFC3339)
		case schema["format"] == "uri":
			return f.base + "/" + name
		case name == "node_id" && beside["id"] != nil:
			return fmt.Sprintf("N_%v", beside["id"])
		}
		return ""
	case "integer", "number":
		return 0
	case "boolean":
		return false
	case "array":
		return []any{}
	}
	return f.object(schema, object{})
}
