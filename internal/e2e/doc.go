// Package e2e tests the action as a workflow runs it, and has no code of its own. act
// (https://github.com/nektos/act) runs real workflows with the real action.yml on this machine, against
// the double of GitHub's API and a bare repository that git's own HTTP backend serves. The commits,
// delegations and statements in it are made by the real program.
//
// `make e2e` builds act and runs it all. Without act the tests are skipped, or fail if REMIT_CI=1.
package e2e
