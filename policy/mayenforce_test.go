package policy

import "testing"

// TestMayEnforce: what may have been enforced once is told from what never was.
func TestMayEnforce(t *testing.T) {
	const rules = "repository = \"github.com/acme/shop\"\n"
	const observe = "settings {\n  mode = \"observe\"\n}\n"
	for name, c := range map[string]struct {
		text string
		want bool
	}{
		"valid, enforces":                  {rules, true},
		"valid, observes":                  {rules + observe, false},
		"refused, would enforce":           {rules + "settings { retired = true }\n", true},
		"refused, says enforce":            {rules + "settings {\n  mode = \"enforce\"\n  retired = true\n}\n", true},
		"refused, observes":                {rules + observe + "retired {}\n", false},
		"refused, observes and does not":   {rules + observe + "settings {\n  mode = \"enforce\"\n}\n", true},
		"refused, mode is worked out":      {rules + "settings {\n  mode = observe\n}\n", true},
		"refused, mode of something else":  {rules + "human \"x\" {\n  mode = \"observe\"\n}\n", true},
		"no HCL":                           {"<<<<<<< main\n" + rules, false},
		"cut short":                        {rules + "settings {\n", false},
		"a word":                           {"policy", false},
		"a text of several lines":          {rules + "x = <<EOT\nx\nEOT\n", true},
		"no text":                          {rules + "\xff", false},
		"over a limit of this release":     {rules + "x = " + nested(400) + "\n", true},
		"nothing":                          {"", true},
		"observes in a comment, or a text": {rules + "# settings { mode = \"observe\" }\nretired = \"mode = observe\"\n", true},
	} {
		if got := MayEnforce([]byte(c.text)); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// nested is a list in a list, so deep.
func nested(depth int) string {
	if depth == 0 {
		return "1"
	}
	return "[" + nested(depth-1) + "]"
}
