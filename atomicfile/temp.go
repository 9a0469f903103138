package atomicfile

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	tempPrefix, tempSuffix = ".remit-", ".tmp"
	// TempPattern matches the names of temporary files, for [filepath.Match].
	TempPattern = tempPrefix + "*" + tempSuffix
)

// IsTemp reports whether a file is called as one that is being written, or that a killed program left.
func IsTemp(name string) bool {
	return len(name) > len(tempPrefix)+len(tempSuffix) && strings.HasPrefix(name, tempPrefix) && strings.HasSuffix(name, tempSuffix)
}

// maxTries bounds the search for a name that is free. One try is enough unless somebody plays games.
const maxTries = 100

// makeTemp makes an empty file in a folder, which nobody else has or guesses.
func makeTemp(dir folder, in string, mode fs.FileMode) (*os.File, string, error) {
	for try := 1; ; try++ {
		name := filepath.Join(in, tempPrefix+rand.Text()+tempSuffix)
		f, err := dir.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
		if err == nil || try == maxTries || !errors.Is(err, fs.ErrExist) {
			return f, name, err
		}
	}
}
