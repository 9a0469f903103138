# One person and one agent. Nothing is blocked until mode says "enforce".

repository = "github.com/alice/shop"

settings {
  mode = "observe"
}

human "alice" {
  github    = "alice"
  github_id = 1001 # `gh api users/alice --jq .id`: an account keeps it whatever it is called
  emails    = ["alice@shop.example"]
  keys      = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICGKf2pEYxJetSV7azNDvUtWRQRNkX+Zj2vwYDGEeCvU alice"]
}

# Its key is named in each delegation: remit key new coder, then remit delegate coder.
agent "coder" {
  delegators = [human.alice]
}

grant "coder writes code" {
  to       = [agent.coder]
  actions  = ["commit", "pull_request"]
  branches = ["agent/**", "main"] # commits are judged where they were pushed, a pull request at its base
  paths    = ["src/**", "test/**", "docs/**"]
  max_ttl  = "1h"
  when     = commit.files_changed <= 50
}

forbid "agents reach main by pull request only" {
  to       = [agent.coder]
  actions  = ["commit", "push", "delete"]
  branches = ["main"]
  reason   = "Open a pull request."
}

# Alice is the only one who can approve what alice delegated: allow_delegator says that she may. GitHub
# lets nobody approve a pull request of their own, so the agent needs an account of its own to open it,
# or alice signs her approval: remit approve.
gate "mass deletion" {
  to              = [agent.coder]
  actions         = ["commit", "pull_request"]
  when            = commit.files_deleted > 20
  approvers       = [human.alice]
  allow_delegator = true
}

# Has the audit log's key, and nothing else: remit-audit.yml.
environment "remit-audit" {
  secrets = ["REMIT_AUDIT_KEY"]
}
