package workflow_test

import (
	"fmt"
	"testing/fstest"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/workflow"
)

// Which job runs in which environment, and what secrets reach it there. A row of a matrix that
// decides the environment is a case of its own.
func ExampleLoad() {
	tree := fstest.MapFS{workflow.Dir + "/deploy.yml": {Data: []byte(`on: push
env:
  REGISTRY: ${{ secrets.REGISTRY_TOKEN }}
jobs:
  deploy:
    runs-on: ubuntu-24.04
    strategy:
      matrix:
        target: [staging, production]
    environment: ${{ matrix.target }}
    steps:
      - run: ./deploy
        env:
          TOKEN: ${{ matrix.target == 'production' && secrets.PROD_TOKEN || secrets.STAGING_TOKEN }}
`)}}
	facts := workflow.Load(tree, workflow.Options{})
	for _, job := range facts.Jobs {
		for _, c := range job.Cases {
			fmt.Printf("%s in %s:", job.ID, c.Environment.Name)
			for _, s := range c.Secrets {
				fmt.Printf(" %s (line %d)", s.Name, s.At.Line)
			}
			fmt.Println()
		}
	}
	// Where PROD_TOKEN is empty, production gets the other one.

	// Output:
	// deploy in staging: REGISTRY_TOKEN (line 3) STAGING_TOKEN (line 14)
	// deploy in production: REGISTRY_TOKEN (line 3) PROD_TOKEN (line 14) STAGING_TOKEN (line 14)
}

// What could not be worked out is a fact of its own, and never left out.
func ExampleLoad_unknown() {
	tree := fstest.MapFS{
		workflow.Dir + "/any.yml": {Data: []byte(`on:
  workflow_dispatch:
    inputs:
      where: { type: string }
      which: { type: string }
jobs:
  any:
    runs-on: ubuntu-24.04
    environment: ${{ inputs.where }}
    steps:
      - run: echo "${{ secrets[inputs.which] }}"
`)},
		workflow.Dir + "/broken.yml": {Data: []byte("on: push\njobs: [\n")},
	}
	facts := workflow.Load(tree, workflow.Options{})
	for _, job := range facts.Jobs {
		c := job.Cases[0]
		fmt.Println(job.ID, "environment not known:", c.Environment.Kind == evidence.EnvironmentDynamic)
		for _, s := range c.Secrets {
			fmt.Println(job.ID, "any secret:", s.Kind == evidence.SecretDynamic, s.Text)
		}
	}
	for _, problem := range facts.Problems {
		fmt.Printf("%s:%d: %s\n", problem.At.File, problem.At.Line, problem.Detail)
	}
	// Output:
	// any environment not known: true
	// any any secret: true secrets[inputs.which]
	// .github/workflows/broken.yml:0: it is not YAML: line 2: did not find expected node content
}
