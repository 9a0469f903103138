repository = "git.example/acme/shop"

settings {
  max_chain_ttl = "12h"
  protected     = ["policies.hcl", ".github/**"]
}

human "alice" {
  keys = ["@alice@"]
}

agent "planner" {
  keys       = ["@planner@"]
  delegators = [human.alice]
}

agent "coder" { # no key here: it is minted for each delegation
  delegators = [agent.planner]
}

environment "staging" {
  paths = ["deploy/staging/**"]
}

environment "production" {
  paths = ["deploy/production/**"]
}

grant "agents write code" {
  to       = [agent.planner, agent.coder]
  actions  = ["commit"]
  branches = ["agent/**"]
  paths    = ["src/**", "test/**"]
  max_ttl  = "12h"
  when     = commit.files_changed <= 50000
}

forbid "generated code" {
  to      = [agent.coder]
  actions = ["commit"]
  paths   = ["src/generated/**"]
}

gate "mass deletion" {
  actions   = ["commit"]
  when      = commit.files_deleted > 100000
  approvals = 1
  approvers = [human.alice]
}
