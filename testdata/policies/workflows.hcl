# The policy of the cases about workflow files. The keys are made from the names.
repository = "github.com/acme/shop"

human "alice" {
  keys   = ["key of human.alice"]
  github = "alice"
}

agent "planner" {
  keys       = ["key of agent.planner"]
  delegators = [human.alice]
}

agent "coder" {
  delegators = [human.alice, agent.planner]
}

agent "tester" {
  delegators = [human.alice]
}

environment "staging" {
  secrets = ["STAGING_*", "DEPLOY_KEY"]
}

environment "production" {
  secrets = ["PROD_*", "DEPLOY_KEY"]
}

workflows {
  shared_secrets = ["NPM_READ_TOKEN", "CODECOV_TOKEN"]

  allow {
    file   = ".github/workflows/waived.yml"
    rule   = "secret-cross-environment"
    reason = "until the smoke test has its own account"
    until  = "2027-01-01T00:00:00Z"
  }

  allow {
    file   = ".github/workflows/over.yml"
    rule   = "secret-cross-environment"
    reason = "until the smoke test has its own account"
    until  = "2026-01-01T00:00:00Z"
  }

  allow {
    file   = ".github/workflows/shared.yml"
    rule   = "secret-inherited"
    reason = "our own organisation's workflow"
    until  = "2027-01-01T00:00:00Z"
  }

  allow {
    file   = ".github/workflows/anywhere.yml"
    rule   = "environment-dynamic"
    reason = "the branches are protected"
    until  = "2027-01-01T00:00:00Z"
  }
}

grant "coder writes code" {
  to       = [agent.coder, agent.tester]
  actions  = ["commit", "pull_request"]
  branches = ["agent/**", "main"]
  paths    = ["src/**", "ci/**"]
}

grant "coder works on staging" {
  to           = [agent.coder]
  actions      = ["secret"]
  environments = ["staging"]
}
