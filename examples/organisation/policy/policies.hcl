# One policy for the repositories of an organisation. It lives in acme/remit-policy, and the workflows name
# it there; no repository that is judged says which policy judges it.

repositories = ["github.com/acme/*"]

settings {
  mode      = "enforce"
  humans    = "ungranted"
  protected = [".github/**", "deploy/**", "CODEOWNERS", "**/Dockerfile"]
}

human "alice" {
  github    = "alice"
  github_id = 1001
  emails    = ["alice@acme.example"]
  keys      = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICGKf2pEYxJetSV7azNDvUtWRQRNkX+Zj2vwYDGEeCvU alice"]
  presence  = false # true asks for a FIDO key's touch at each signature
}

human "bob" {
  github    = "bob"
  github_id = 1002
  emails    = ["bob@acme.example"]
  keys      = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUJIR2tUueJiLJaN8txZDvXzdImzmpkL6po4BoANTOm bob"]
}

human "carol" {
  github    = "carol"
  github_id = 1003
  emails    = ["carol@acme.example"]
  keys      = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEbWhoAJUdfeRMuZ5FluQik5gT07DUL2wXV8ktQa6xnJ carol"]
}

team "engineers" {
  members = [human.alice, human.bob, human.carol]
}

team "release" {
  members = [human.alice, human.bob, human.carol]
}

# Teams of GitHub's are looked up when they are needed. It takes an App's token with members: read.
team "security" {
  github = "acme/security"
}

agent "planner" {
  keys       = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKvK5kKrtJ7zJUIMjYM3yrUCGH+2a4Aw7ltFsGEJXEi8 planner"]
  delegators = [team.engineers]
}

agent "coder" {
  delegators = [team.engineers, agent.planner]
}

agent "shipper" {
  keys       = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN115lkTy6TD/fLvSOJUnqtxrusnE6aL7aavOIpb9aI3 shipper"]
  delegators = [team.engineers, workflow.nightly]
}

# Known by the token that GitHub gives to its runs; it can begin a chain as a human can.
workflow "nightly" {
  repository = "github.com/acme/release-tools"
  file       = ".github/workflows/nightly.yml"
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
  deploy_from = ["main", "release/**"]
}

environment "remit" {
  secrets = ["REMIT_APP_KEY"]
}

# Has the audit log's key, and nothing else.
environment "remit-audit" {
  secrets = ["REMIT_AUDIT_KEY"]
}

workflows {
  gate_action  = "remit-sh/remit"
  gate_commits = ["0000000000000000000000000000000000000000"] # the commit of its release that the workflows name
}

grant "agents write code" {
  to       = [agent.planner, agent.coder]
  actions  = ["commit", "pull_request"]
  branches = ["agent/**", "main"]
  paths    = ["src/**", "test/**", "docs/**"]
  max_ttl  = "30m"
}

grant "renovate keeps dependencies fresh" {
  to       = [app.renovate]
  actions  = ["commit", "pull_request"]
  branches = ["renovate/**", "main"]
  paths    = ["**/go.mod", "**/go.sum", "**/package.json", "**/package-lock.json"]
}

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

# A review shows that somebody had a token. Production asks for signatures, which show that somebody had a key.
gate "production needs two of release" {
  actions      = ["deploy"]
  environments = ["production"]
  approvals    = 2
  approvers    = [team.release]
  evidence     = "signed"
  max_age      = "12h"
}

gate "mass deletion" {
  actions   = ["commit", "pull_request"]
  when      = commit.files_deleted > 20 || commit.lines_changed > 5000
  approvers = [team.engineers]
}

gate "cryptography" {
  to        = [agent.planner, agent.coder]
  paths     = ["src/auth/**", "src/crypto/**"]
  approvers = [team.security]
}

forbid "agents reach main by pull request only" {
  to       = [agent.planner, agent.coder, agent.shipper]
  actions  = ["commit", "push", "delete"]
  branches = ["main", "release/**"]
  reason   = "Open a pull request."
}
