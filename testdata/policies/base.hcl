# The policy of every case that does not bring its own. The keys are made from the names.
repository = "github.com/acme/shop"

human "alice" {
  keys   = ["key of human.alice"]
  emails = ["alice@acme.example"]
  github = "alice"
}

human "bob" {
  keys   = ["key of human.bob"]
  github = "bob"
}

agent "planner" {
  keys       = ["key of agent.planner"]
  delegators = [human.alice]
}

# Minted: whoever delegates to it makes its key.
agent "coder" {
  delegators = [human.alice, agent.planner]
}

agent "tester" {
  keys       = ["key of agent.tester"]
  delegators = [human.alice, agent.planner]
}

environment "production" {
  paths = ["deploy/production/**"]
}

grant "coder writes code" {
  to       = [agent.coder]
  actions  = ["commit"]
  branches = ["agent/**"]
  paths    = ["src/**", "test/**"]
  max_ttl  = "10m"
}

grant "tester writes tests" {
  to       = [agent.tester]
  actions  = ["commit"]
  branches = ["agent/**"]
  paths    = ["test/**"]
}

grant "coder asks for merges" {
  to       = [agent.coder]
  actions  = ["pull_request"]
  branches = ["main"]
  paths    = ["src/**", "test/**"]
}
