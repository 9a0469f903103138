<<- if .GitHub>># Who may do what in this repository. Pull requests are judged by the copy on <<.Branch>>, never by their own.
<<- else>># Who may do what in this repository. What is pushed is judged by the copy on <<.Branch>>, never by its own.
<<- end>>
#
#   remit policy explain                 the language
#   remit policy explain policies.hcl    this policy, read out in sentences
#   remit policy validate                what is wrong with it

repository = <<quote .Repository>>

settings {
  # observe reports what would be denied and blocks nothing. Read the reports for a week, then write
  # "enforce".
  mode = "observe"

  # A human's commits must be signed too. Until everybody does, "pusher" takes the <<if .GitHub>>forge<<else>>server<<end>>'s word for who
  # pushed them; an agent that has a human's <<if .GitHub>>token<<else>>access<<end>> then passes as that human.
  # unsigned = "pusher"
<<- if .Protected>>

  # An agent's change to these waits for a human. The policy itself is always one.
  protected = [<<range $i, $p := .Protected>><<if $i>>, <<end>><<quote $p>><<end>>]
<<- end>>
<<- if .Bases>>

  # These branches are judged by the policy of <<.Branch>> too. List them once they have a policies.hcl of their own.
  # bases = [<<quote .Branch>><<range .Bases>>, <<quote .>><<end>>]
<<- end>>
}

human <<quote .Name>> {
<<- if not .GitHub>>
<<- if .Login>>
  login = <<quote .Login>> # the account, as the server names it
<<- else>>
  # login = "your-account"   # as the server names it, where that is not <<.Name>>
<<- end>>
<<- else if .Login>>
  github = <<quote .Login>> # whose reviews count
<<- if .LoginID>>
  github_id = <<.LoginID>> # the account's, whatever it is called
<<- else>>
  # github_id = 1234 # add yours, so that nobody who takes the name over is you: gh api users/<<.Login>> --jq .id
<<- end>>
<<- else>>
  # github = "your-login"    # whose reviews count: without it, none of yours do
<<- end>>
  keys = [<<quote .Key>>]
}

# No key stands here: each delegation names it (remit key new coder, then remit delegate coder).
agent "coder" {
  delegators = [human.<<.Name>>]
}

# What a grant leaves out it does not cover.
grant "coder writes code" {
  to       = [agent.coder]
<<- if .GitHub>>
  actions  = ["commit", "pull_request"]
  branches = ["agent/**", <<quote .Branch>>] # commits are judged where they were pushed, a pull request at its base
<<- else>>
  actions  = ["commit"]
  branches = ["agent/**"]
<<- end>>
<<- if .Guessed>>
  # Nothing that is here looks like sources: say where they are.
<<- end>>
  paths    = [<<range $i, $p := .Paths>><<if $i>>, <<end>><<quote $p>><<end>>]<<if .Other>> # not: <<.Other>><<end>>
  max_ttl  = "1h"
}

<<if .GitHub>>forbid "agents reach the default branch by pull request only" {
<<- else>>forbid "a human merges what agents make" {
<<- end>>
  to       = [agent.coder]
  actions  = ["commit", "push", "delete"]
  branches = [<<quote .Branch>><<range .Bases>>, <<quote .>><<end>>]
  reason   = <<if .GitHub>>"Open a pull request."<<else>>"Push a branch, and have a human merge it."<<end>>
}
<<- range .Owners>>

# As <<.File>> has it.
gate <<quote .Name>> {
  actions   = ["commit"]
  paths     = [<<range $i, $p := .Paths>><<if $i>>, <<end>><<quote $p>><<end>>]
  approvers = [<<range $i, $p := .People>><<if $i>>, <<end>>human.<<$p>><<end>>]
}
<<- end>>
<<- range .People>>

human <<quote .Name>> {
  github = <<quote .Login>> # of CODEOWNERS: their reviews count. Add their key, so that they can delegate
}
<<- end>>
<<- if .Audit>>

# Has the audit log's key, and nothing else: remit-audit.yml.
environment "remit-audit" {
  secrets = ["REMIT_AUDIT_KEY"]
}
<<- end>>
<<- if .Environment>>

environment <<quote .Environment>> {
<<- if .Own>>
  secrets = [ # what its jobs may use, and no other job
    <<quote .Secrets>>,
<<- range .Own>>
    <<quote .Name>>, # <<.Files>>
<<- end>>
  ]
<<- else>>
  secrets     = [<<quote .Secrets>>] # what its jobs may use, and no other job
<<- end>>
  deploy_from = [<<quote .Branch>>]
}

grant "coder asks for deploys" {
  to           = [agent.coder]
  actions      = ["deploy"]
  environments = [<<quote .Environment>>]
  max_ttl      = "15m"
}

gate "<<.Environment>> needs a human" {
  actions      = ["deploy"]
  environments = [<<quote .Environment>>]
  approvers    = [human.<<.Name>>]

  # Whoever delegated may approve, because there is only one human here. Take it out when there are two.
  allow_delegator = true
}
<<- end>>
<<- if .Found>>

# What the workflows that are here name, with what their jobs reach now. Take out what should not be.
<<- end>>
<<- range .Found>>

environment <<quote .Name>> {
<<- if .Secrets>>
  secrets = [
<<- range .Secrets>>
    <<quote .Name>>, # <<.Files>>
<<- end>>
  ]
<<- end>>
}
<<- end>>
<<- if or (and .Environment .GitHub) .Shared>>

workflows {
<<- if .Shared>>
  # Jobs of no environment use these, so that any job may: give those jobs an environment, and take out
  # what should not be for all. An agent brings one into another job by a grant with secrets alone.
  shared_secrets = [
<<- range .Shared>>
    <<quote .Name>>, # <<.Files>>
<<- end>>
  ]
<<- end>>
<<- if and .Environment .GitHub>>
  gate_action = "remit-sh/remit" # the first step of a job of a gated environment
  # The commits that it may be at. What deploy.yml names has to be one of them: a commit of anybody's fork
  # goes by the same name.
  gate_commits = [<<quote .GateRef>>]
<<- end>>
}
<<- end>>
