# The policy of this repository, and an example to start your own from.
#
#   remit policy validate   says whether it is valid
#   remit policy explain    prints every block, attribute and default, with what it means
#
# A pull request is judged by the policy of its base branch, never by its own copy.

repository = "github.com/remit-sh/remit"

settings {
  # observe reports what would be denied and blocks nothing. Begin with it, read the reports
  # for a week, then write "enforce".
  mode = "observe"

  # To change these files an agent needs a human's approval. The policy itself is always among them.
  protected = [
    "policies.hcl",
    ".github/**",
    "action.yml",
    "hooks/**",
    ".ci/**",
    "Makefile",
    "go.mod",
    "go.sum",
  ]

  # The longest delegation that is passed on. The last of a chain is bounded by its grant's max_ttl.
  max_chain_ttl = "8h"
}

# ── Who there is ────────────────────────────────────────────────────────────────────────────────
# Keys are lines as in ~/.ssh/authorized_keys. A key proves who acted, so it stands here once.

human "alice" {
  github    = "alice"
  github_id = 1001 # `gh api users/alice --jq .id`: an account keeps it whatever it is called
  emails    = ["alice@remit.sh"]
  keys      = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFz8LlqpAneEuI7vjgLMayxLHeqREbBzxXBYfhr7zZWU alice@laptop"]
}

human "bob" {
  github    = "bob"
  github_id = 1002
  emails    = ["bob@remit.sh"]
  keys = [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBwPMmDE68v+NQeUMsI1sJblZBxMaCQu89Ri1cdYB2Jl bob@desk",
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBHPMmNDwPtXTRawfEWBm+5zIZKKCjKrK1P6ZHgrVI+DbXkp5pVwT7l5abeJtpVV2kwe4i/WBXc6b9HlkCnLTitE= bob@phone",
  ]
}

team "maintainers" {
  members = [human.alice, human.bob]
}

# An agent with keys is pinned: only these keys are it. It acts for whoever delegators lists.
agent "planner" {
  keys       = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOfURtl8Gl20ogeM2+Kb5Iu7ahUiHPnh+sI+wuxKvt+g planner"]
  delegators = [team.maintainers]
}

# An agent without keys gets a new one for each delegation, made by whoever delegates
# (remit run --as coder …). It lives in memory and is forgotten with the task.
agent "coder" {
  delegators = [team.maintainers, agent.planner]
}

agent "reviewer" {
  delegators = [agent.planner]
}

agent "shipper" {
  keys       = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBI7esy7WwT6p3YEKOUv/lk2k58z3nwKtEFybZcb2STt shipper"]
  delegators = [team.maintainers, workflow.release]
}

# A workflow is known by the token that the forge gives to its runs. Listed as a delegator,
# it can begin a chain, as a human can.
workflow "release" {
  file = ".github/workflows/release.yml"
  ref  = "refs/heads/main"
}

# An app has no key: it is known only by what the forge says about it.
app "dependabot" {
  github = "dependabot"
}

# ── Where things run ────────────────────────────────────────────────────────────────────────────
# A job may use the secrets of its own environment and no others.

environment "staging" {
  secrets = ["STAGING_*"]
  paths   = ["deploy/staging/**"]
}

environment "release" {
  secrets     = ["RELEASE_*", "SIGNING_*"]
  paths       = ["deploy/release/**"]
  deploy_from = ["main", "refs/tags/v*"]
}

workflows {
  shared_secrets = ["CODECOV_TOKEN"] # any job may use it; GITHUB_TOKEN always
}

# ── What agents may do ──────────────────────────────────────────────────────────────────────────
# What a grant leaves out it does not cover. Humans need no grants, see settings.humans.

grant "coder writes code on its own branches" {
  to       = [agent.coder]
  actions  = ["commit", "pull_request"]
  branches = ["agent/**", "main"] # commits are judged at agent/**, pull requests at their base
  paths    = ["**/*.go", "**/testdata/**", "docs/**", "examples/**"]
  max_ttl  = "30m"
  when     = commit.files_changed <= 100
}

grant "reviewer mends the docs" {
  to       = [agent.reviewer]
  actions  = ["commit", "pull_request"]
  branches = ["docs/**", "main"]
  paths    = ["docs/**", "**/*.md"]
  max_ttl  = "10m"
}

grant "dependencies" {
  to       = [app.dependabot]
  actions  = ["commit", "pull_request"]
  branches = ["dependabot/**", "main"]
  paths    = ["go.mod", "go.sum", ".github/workflows/*.yml"]
}

# Without "alone = true" a deploy still waits for a human: the default gate.
grant "shipper deploys" {
  to           = [agent.shipper]
  actions      = ["deploy"]
  environments = ["staging", "release"]
  max_ttl      = "15m"
}

# ── What nobody may do ──────────────────────────────────────────────────────────────────────────
# What a forbid or gate leaves out matches everything. A forbid matches any principal of the chain,
# so an agent gains nothing by passing on what it may not do itself.

forbid "no agent writes to main" {
  to       = [agent.planner, agent.coder, agent.reviewer, agent.shipper]
  actions  = ["commit", "push", "delete"]
  branches = ["main"]
  reason   = "Changes reach main by pull requests that a maintainer merges."
}

forbid "no weekend releases" {
  actions      = ["deploy"]
  environments = ["release"]
  when         = contains(["Saturday", "Sunday"], time.weekday)
  reason       = "Nobody is there to roll back."
}

# ── What waits for approval ─────────────────────────────────────────────────────────────────────

gate "a release needs two maintainers" {
  actions      = ["deploy"]
  environments = ["release"]
  approvals    = 2
  approvers    = [team.maintainers]
}

gate "mass deletion" {
  actions   = ["commit", "pull_request"]
  when      = commit.files_deleted > 20
  approvers = [team.maintainers]
}

gate "the core of trust" {
  to        = [agent.planner, agent.coder, agent.reviewer]
  paths     = ["checker/**", "signing/**", "delegation/**", "policy/**"]
  approvers = [team.maintainers]
  evidence  = "signed" # a review shows that somebody had a token; a signature, that somebody had a key
}

# ── What counts no longer ───────────────────────────────────────────────────────────────────────
# remit revoke writes such a block. It bites from "since" on: what was seen before stays allowed.

revoke "shipper's old delegation" {
  delegations = ["sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"]
  since       = "2026-03-02T09:00:00Z"
  reason      = "The task was called off."
}
