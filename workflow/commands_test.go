package workflow

import (
	"strings"
	"testing"
)

func hasGot(list []got, word string) bool {
	for _, g := range list {
		if strings.Contains(g.command.text, word) {
			return true
		}
	}
	return false
}

// TestGets shows commands beside others that are like them.
func TestGets(t *testing.T) {
	for script, want := range map[string]bool{
		"git checkout agent/x":                              true,
		"git 'checkout' x":                                  true,
		`g"i"t che\ckout x`:                                 true,
		"git${IFS}checkout${IFS}x":                          true,
		"git${IFS%?}checkout x":                             true,
		"git \\\n  checkout x":                              true,
		"if ! git -C a checkout x; then exit 1; fi":         true,
		"sudo -u x /usr/bin/git checkout x":                 true,
		"x=$(git checkout y)":                               true,
		"echo `git checkout y`":                             true,
		"`echo git` checkout y":                             true,
		"await $`git checkout ${x}`":                        true,
		"exec(`a ${exec('git checkout x')}`)":               true,
		"execFileSync('git', ['checkout', 'x'])":            true,
		"cmd=\"git checkout x\"; $cmd":                      true,
		"GIT.EXE checkout x":                                true,
		"git worktree add ../x origin/x":                    true,
		"git fetch https://github.com/acme/shop x":          false, // nothing of it is in the work tree
		"git config alias.zz checkout":                      true,
		"git merge-base a b":                                false,
		"git checkout -- a b":                               false,
		"git checkout -b new":                               false,
		"git checkout HEAD -- a":                            false,
		"git reset --hard":                                  false,
		"git reset --soft HEAD~1":                           true, // HEAD is another commit then
		"git fetch --depth 1 origin":                        false,
		"git log --grep checkout":                           false,
		"git submodule update --init":                       false,
		"git lfs pull":                                      false,
		"git commit -m 'pull x'":                            false,
		"# git checkout x":                                  false,
		"echo 'git checkout x'":                             false,
		"./checkout git":                                    false,
		"gh pr view 1":                                      false,
		"gh api repos/a/b/pulls":                            false,
		"gh api repos/a/b/contents/deploy":                  true,
		"docker run x@sha256:abc":                           false,
		"docker run x":                                      true,
		"docker run -d -p 80:80 x@sha256:abc":               false,
		"docker run x echo @sha256:abc":                     true,
		"curl https://example.com/archive/x.tgz":            false,
		"curl https://github.com/acme/shop/archive/x.tgz":   true,
		"curl https://github.com//acme/./shop/archive/x.gz": true,
		"wget $URL/archive/x":                               true,
		"go run github.com/acme/shop/cmd/x@agent/x":         true,
		"npm i acme/shop#agent/x":                           true,
		"pip install git+https://github.com/acme/shop@x":    true,
		"kubectl apply -k github.com/acme/shop//x?ref=y":    true,
		"docker pull acme/shop@sha256:abc":                  false,
		"npm i @acme/shop@1":                                false,
		"docker push ghcr.io/acme/shop:x":                   false,
		"echo Z2l0 | base64 -d | bash":                      true,
		"eval \"$(base64 --decode <<<Z2l0)\"":               true,
		"echo $C | base64 -d > ~/.kube/config; bash deploy": false,
	} {
		if got := len(gets(script, false)) > 0; got != want {
			t.Errorf("%q: %v", script, got)
		}
	}
}

// Whatever stands before a command, it is found; and quotes inside of its words hide nothing.
func FuzzGets(f *testing.F) {
	for _, s := range []string{"", "echo \\", "`", "${", "$(", "a ${b", "x='", "cat <<E", "# c", "case x in (", "((((", "echo ${x:-`}", "\x01", "return `${a}", "git "} {
		f.Add(s, uint8(1), true)
		f.Add(s, uint8(7), false)
	}
	f.Fuzz(func(t *testing.T, before string, quote uint8, slashes bool) {
		hidden := "git checkout agent/zzz"
		at := int(quote) % len(hidden)
		hidden = hidden[:at] + []string{"''", `""`, "'\"\"'"}[int(quote)%3] + hidden[at:]
		list := gets(before+"\n;\n"+hidden+"\n", slashes)
		if !hasGot(list, "agent/zzz") && !hasGot(list, "more commands") {
			t.Fatalf("%q is not found behind %q: %+v", hidden, before, list)
		}
	})
}
