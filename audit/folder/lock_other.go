//go:build !unix

package folder

import (
	"context"
	"errors"
	"os"

	"github.com/remit-sh/remit/fault"
)

func isAbsent(err error) bool { return errors.Is(err, os.ErrNotExist) }

func lock(context.Context, *os.Root) (unlock func() error, err error) {
	return nil, fault.Refusedf("an audit log in a folder is written on Unix systems only")
}
