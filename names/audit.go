package names

// AuditBranch is the branch that a repository's audit log is in. It keeps the bundles of the delegations that decisions
// went by, too.
const AuditBranch = "refs/heads/_audit/log"
