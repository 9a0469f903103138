// Command remit gives every agent its own identity and a short, scoped remit, and checks what
// they sign against a policy. See `remit help`.
package main

import (
	"os"

	"github.com/remit-sh/remit/internal/cli"
)

func main() { os.Exit(cli.Main()) }
