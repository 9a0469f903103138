package workspace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/remit-sh/remit/atomicfile"
	"github.com/remit-sh/remit/fault"
	"github.com/remit-sh/remit/gitrepo"
)

// ReplaceNamed puts new content in the place of a file that somebody names, as [atomicfile.Replace] does. A
// link to it goes on leading to it; one that leads out of the work tree is not written through.
func (e Env) ReplaceNamed(name string, content []byte) error {
	path := e.Absolute(name)
	target, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, there := os.Lstat(path); there == nil {
			return fault.WithFix(fault.Refusedf("%s is a link to nothing, and is not written through", name), "remove it, or name the file itself")
		}
		var folder string
		if folder, err = filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
			target = filepath.Join(folder, filepath.Base(path))
		}
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	w := atomicfile.Writer{}
	if tree, _, ok := e.inWorkTree(path); ok {
		if leadsOut(tree, filepath.Dir(path)) || target != path && leadsOut(tree, target) {
			return fault.WithFix(fault.Refusedf("%s leads out of the work tree %s, and is not written through", name, tree), "put a regular file there, or name the file itself")
		}
		if _, w.Aside, _, err = gitrepo.Discover(e.Dir); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	return w.Replace(target, content)
}
