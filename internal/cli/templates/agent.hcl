agent <<quote .Name>> {
  keys       = [<<quote .Key>>]
  delegators = [<<range $i, $d := .Delegators>><<if $i>>, <<end>><<$d>><<end>>]
}

# What a grant leaves out it does not cover.
grant "<<.Name>> writes code" {
  to       = [agent.<<.Name>>]
<<- if .GitHub>>
  actions  = ["commit", "pull_request"]
  branches = ["agent/**", <<quote .Branch>>] # commits are judged where they were pushed, a pull request at its base
<<- else>>
  actions  = ["commit"]
  branches = ["agent/**"]
<<- end>>
  paths    = [<<range $i, $p := .Paths>><<if $i>>, <<end>><<quote $p>><<end>>]
  max_ttl  = "1h"
}

forbid "<<.Name>> commits to branches of its own" {
  to       = [agent.<<.Name>>]
  actions  = ["commit", "push", "delete"]
  branches = [<<quote .Branch>>]
  reason   = "Push a branch of your own."
}
