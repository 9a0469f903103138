// Command remit-server keeps the audit logs of repositories that have outgrown a log of their own. See
// `remit-server help`.
package main

import (
	"os"

	"github.com/remit-sh/remit/internal/server"
)

func main() { os.Exit(server.Main()) }
