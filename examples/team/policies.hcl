# Three people, agents that pass work on to each other, two environments.

repository = "github.com/acme/shop"

settings {
  mode      = "enforce"
  protected = ["policies.hcl", ".github/**", "deploy/**", "Makefile"]
}

human "alice" {
  github    = "alice"
  github_id = 1001 # https://api.github.com/users/alice: a renamed account is not somebody else's
  emails    = ["alice@shop.example"]
  keys      = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICGKf2pEYxJetSV7azNDvUtWRQRNkX+Zj2vwYDGEeCvU alice"]
}

human "bob" {
  github    = "bob"
  github_id = 1002
  emails    = ["bob@shop.example"]
  keys      = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUJIR2tUueJiLJaN8txZDvXzdImzmpkL6po4BoANTOm bob"]
}

human "carol" {
  github    = "carol"
  github_id = 1003
  emails    = ["carol@shop.example"]
  keys      = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEbWhoAJUdfeRMuZ5FluQik5gT07DUL2wXV8ktQa6xnJ carol"]
}

team "maintainers" {
  members = [human.alice, human.bob]
}

team "everybody" {
  members = [team.maintainers, human.carol]
}

# An agent with keys is pinned: only they are it. It can pass on what it was given.
agent "planner" {
  keys       = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKvK5kKrtJ7zJUIMjYM3yrUCGH+2a4Aw7ltFsGEJXEi8 planner"]
  delegators = [team.everybody]
}

agent "coder" {
  delegators = [team.everybody, agent.planner]
}

agent "shipper" {
  keys       = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN115lkTy6TD/fLvSOJUnqtxrusnE6aL7aavOIpb9aI3 shipper"]
  delegators = [team.maintainers]
}

# Apps have no keys: they are known by what GitHub attests.
app "dependabot" {
  github = "dependabot"
}

app "renovate" {
  github = "renovate"
}

environment "staging" {
  secrets     = ["STAGING_*"]
  paths       = ["deploy/staging/**"]
  deploy_from = ["main"]
}

environment "production" {
  secrets     = ["PRODUCTION_*"]
  paths       = ["deploy/production/**"]
  deploy_from = ["main"]
}

# Holds the key of the App that posts the check, and nothing else.
environment "remit" {
  secrets = ["REMIT_APP_KEY"]
}

# Has the audit log's key, and nothing else.
environment "remit-audit" {
  secrets = ["REMIT_AUDIT_KEY"]
}

workflows {
  gate_action = "remit-sh/remit" # the first step of a job of a gated environment
  # The commits that it may be at: write the one of your workflows here too. A commit of anybody's fork goes by
  # the same name.
  gate_commits = ["0000000000000000000000000000000000000000"]
}

grant "agents write code" {
  to       = [agent.planner, agent.coder]
  actions  = ["commit", "pull_request"]
  branches = ["agent/**", "main"] # commits are judged where they were pushed, a pull request at its base
  paths    = ["src/**", "test/**", "docs/**"]
  max_ttl  = "30m"
  when     = commit.files_changed <= 50
}

grant "apps keep dependencies fresh" {
  to       = [app.dependabot, app.renovate]
  actions  = ["commit", "pull_request"]
  branches = ["dependabot/**", "renovate/**", "main"]
  paths    = ["go.mod", "go.sum", "package.json", "package-lock.json"]
}

# alone: no human is asked. Everywhere else a deploy by an agent waits for one.
grant "shipper deploys to staging" {
  to           = [agent.shipper]
  actions      = ["deploy"]
  environments = ["staging"]
  max_ttl      = "15m"
  alone        = true
}

grant "shipper asks for production" {
  to           = [agent.shipper]
  actions      = ["deploy"]
  environments = ["production"]
  max_ttl      = "15m"
}

gate "production needs a maintainer" {
  actions      = ["deploy"]
  environments = ["production"]
  approvers    = [team.maintainers]
  role         = "maintain"
  max_age      = "24h"
}

gate "mass deletion" {
  actions   = ["commit", "pull_request"]
  when      = commit.files_deleted > 20
  approvers = [team.maintainers]
}

forbid "agents reach main by pull request only" {
  to       = [agent.planner, agent.coder, agent.shipper]
  actions  = ["commit", "push", "delete"]
  branches = ["main"]
  reason   = "Open a pull request."
}

forbid "no production on weekends" {
  actions      = ["deploy"]
  environments = ["production"]
  when         = contains(["Saturday", "Sunday"], time.weekday)
  reason       = "Nobody is there to roll back."
}
