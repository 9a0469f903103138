package decide

import "github.com/remit-sh/remit/policy"

// Naming tells what the repository that is here is called, "host/owner/name": a policy may rule several.
type Naming func(*policy.Policy) (string, error)
