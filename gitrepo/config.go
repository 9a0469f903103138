package gitrepo

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/remit-sh/remit/inert"
)

// maxConfig bounds the repository's configuration file.
const maxConfig = 1 << 20

// format is what the repository's own configuration says about how it is stored, and in remit.policy about where a
// policy is. Nothing else of the configuration is read here, and none of it is ever executed.
type format struct {
	idSize   int  // of an object name, in bytes
	reftable bool // refs are not kept in files
	partial  bool // objects may be missing on purpose
	policy   string
}

// readFormat reads the extensions from the common directory's config file. As with git, includes
// and the configuration of the user and the system do not count for them.
func readFormat(commonDir string) (format, error) {
	f := format{idSize: sha1Size}
	content, err := readSmall(filepath.Join(commonDir, "config"), maxConfig)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	} else if err != nil {
		return format{}, fmt.Errorf("reading the repository's format: %w", err)
	}
	for _, s := range scanConfig(string(content)) {
		switch {
		case s.section == "extensions" && s.key == "objectformat":
			switch strings.ToLower(s.value) {
			case "sha1":
			case "sha256":
				f.idSize = sha256Size
			default:
				return format{}, fmt.Errorf("reading the repository's format: object format %s is not known here", inert.Quote(s.value))
			}
		case s.section == "extensions" && s.key == "refstorage":
			switch strings.ToLower(s.value) {
			case "files":
			case "reftable":
				f.reftable = true
			default:
				return format{}, fmt.Errorf("reading the repository's format: ref storage %s is not known here", inert.Quote(s.value))
			}
		case s.section == "extensions" && s.key == "partialclone",
			strings.HasPrefix(s.section, "remote ") && s.key == "promisor" && strings.EqualFold(s.value, "true"):
			f.partial = true
		case s.section == "remit" && s.key == "policy":
			f.policy = s.value
		}
	}
	return f, nil
}

// setting is one line of a configuration file.
type setting struct{ section, key, value string } // section and key in lower case

// scanConfig reads settings that stand on a line each, which is how git writes them. It is no
// reader of all that git accepts: it has to find a few keys that git itself sets.
func scanConfig(content string) []setting {
	var out []setting
	section := ""
	for line := range strings.Lines(content) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			end := strings.IndexByte(line, ']')
			if end < 0 {
				continue
			}
			section, line = strings.ToLower(strings.TrimSpace(line[1:end])), strings.TrimSpace(line[end+1:])
		}
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			value = "true"
		}
		value = strings.TrimSpace(value)
		if quoted, found := strings.CutPrefix(value, `"`); found {
			value, _, _ = strings.Cut(quoted, `"`)
		} else if at := strings.IndexAny(value, "#;"); at >= 0 {
			value = strings.TrimSpace(value[:at])
		}
		out = append(out, setting{section, strings.ToLower(strings.TrimSpace(key)), value})
	}
	return out
}

// PolicyRef is remit.policy of the repository's own configuration: the full name of the ref at which it keeps the
// policy that its server reads from another repository. "" where that is not set.
func (r *Repo) PolicyRef() string { return r.format.policy }
