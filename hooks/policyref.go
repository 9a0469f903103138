package hooks

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const maxPolicyRef = 8 << 10 // bytes

// PolicyRefPath is where a bare repository remembers the branch whose policy its hook enforced, for each
// git namespace that it serves; "" is none.
func PolicyRefPath(gitDir, namespace string) string {
	name := "policy-ref"
	if namespace != "" {
		sum := sha256.Sum256([]byte(namespace))
		name += "-" + hex.EncodeToString(sum[:8])
	}
	return filepath.Join(gitDir, "remit", name)
}

// ReadPolicyRef returns the full name of the branch whose policy was enforced so far, "" where none was.
func ReadPolicyRef(gitDir, namespace string) (string, error) {
	path := PolicyRefPath(gitDir, namespace)
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	if err != nil {
		return "", fmt.Errorf("reading %q: %w", path, err)
	}
	b, err := readUpTo(path, maxPolicyRef)
	if err != nil {
		return "", fmt.Errorf("reading %q: %w", path, err)
	}
	return strings.TrimSuffix(string(b), "\n"), nil
}

// WritePolicyRef remembers it, readable by everybody who pushes.
func WritePolicyRef(gitDir, namespace, ref string) error {
	return writeFile(PolicyRefPath(gitDir, namespace), []byte(ref+"\n"), 0o644, nil)
}
