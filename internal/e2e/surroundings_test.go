package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// evil is a folder with programs in the place of those that the action needs, a script, and settings of
// programs. Each of them writes its name to marks when it is used.
type evil struct {
	dir, marks string
}

func newEvil(t *testing.T) evil {
	t.Helper()
	e := evil{dir: t.TempDir()}
	e.marks = filepath.Join(e.dir, "marks")
	for _, name := range []string{"awk", "bash", "chmod", "curl", "cut", "dirname", "env", "git", "go", "mktemp", "mv", "rm", "sh", "sha256sum", "uname"} {
		write(t, filepath.Join(e.dir, name), "#!/bin/sh\necho "+name+" >>"+e.marks+"\nexit 0\n")
		if err := os.Chmod(filepath.Join(e.dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(e.dir, "script"), "echo script >>"+e.marks+"\n")
	write(t, filepath.Join(e.dir, ".curlrc"), "trace-ascii = "+e.marks+"\nproxy = http://127.0.0.1:1\n")
	write(t, filepath.Join(e.dir, ".gitconfig"), "[core]\n\tsshCommand = "+e.dir+"/sh\n[trace2]\n\teventTarget = "+e.marks+"\n")
	return e
}

// variables are those that change what some program of the action does, if they reach it.
func (e evil) variables() [][2]string {
	function := "() { echo function >>" + e.marks + "; }"
	return [][2]string{
		{"BASH_ENV", e.dir + "/script"},
		{"ENV", e.dir + "/script"},
		{"POSIXLY_CORRECT", "1"},
		{"SHELLOPTS", "noexec:xtrace"},
		{"BASHOPTS", "extdebug"},
		{"PS4", "$(" + e.dir + "/sh)"},
		{"BASH_FUNC_exec%%", function},
		{"BASH_FUNC_printf%%", function},
		{"BASH_FUNC_read%%", function},
		{"BASH_FUNC_set%%", function},
		{"BASH_FUNC_git%%", function},
		{"LD_PRELOAD", e.dir + "/none.so"},
		{"LD_AUDIT", e.dir + "/none.so"},
		{"LD_LIBRARY_PATH", e.dir},
		{"GLIBC_TUNABLES", "glibc.rtld.nns=bad"},
		{"GCONV_PATH", e.dir},
		{"LOCPATH", e.dir},
		{"PATH", e.dir},
		{"HOME", e.dir},
		{"CURL_HOME", e.dir},
		{"XDG_CONFIG_HOME", e.dir},
		{"TMPDIR", "/nowhere"},
		{"CDPATH", e.dir},
		{"IFS", "/"},
		{"TMOUT", "1"},
		{"http_proxy", "http://127.0.0.1:1"},
		{"HTTPS_PROXY", "http://127.0.0.1:1"},
		{"https_proxy", "http://127.0.0.1:1"},
		{"ALL_PROXY", "http://127.0.0.1:1"},
		{"SSL_CERT_FILE", e.dir + "/script"},
		{"SSL_CERT_DIR", e.dir},
		{"CURL_CA_BUNDLE", e.dir + "/script"},
		{"SSLKEYLOGFILE", e.marks},
		{"OPENSSL_CONF", e.dir + "/script"},
		{"NODE_OPTIONS", "--require " + e.dir + "/script"},
		{"GIT_TRACE", e.marks},
		{"GIT_EXEC_PATH", e.dir},
		{"GIT_CONFIG_COUNT", "1"},
		{"GIT_CONFIG_KEY_0", "trace2.eventTarget"},
		{"GIT_CONFIG_VALUE_0", e.marks},
		{"GIT_CONFIG_GLOBAL", e.dir + "/.gitconfig"},
		{"GIT_SSH_COMMAND", e.dir + "/sh"},
		{"GOFLAGS", "-toolexec=" + e.dir + "/sh"},
		{"GODEBUG", "netdns=bad,http2debug=2"},
		{"GOTOOLCHAIN", "go1.99.0"},
		{"GOPROXY", "file://" + e.dir},
		{"GOMODCACHE", e.dir},
		{"GOCACHE", e.dir},
		{"GOENV", e.dir + "/script"},
		{"GOROOT", e.dir},
		{"GOWORK", e.dir + "/script"},
		{"GONOSUMDB", "*"},
		{"GOSUMDB", "off"},
		{"CGO_ENABLED", "1"},
		{"CC", e.dir + "/sh"},
		{"GOMAXPROCS", "1"},
		{"GOTRACEBACK", "crash"},
		{"INPUT_MODE", "check"},
		{"INPUT_ENVIRONMENT", "staging"},
		{"INPUT_ACTION", "rotate"},
		{"INPUT_POLICY-REPOSITORY", "evil/policy"},
		{"INPUT_REPOSITORY", "github.com/evil/shop"},
		{"INPUT_TOKEN", "another"},
		{"REMIT_MODE", "check"},
		{"REMIT_ENVIRONMENT", "staging"},
		{"REMIT_ACTION_PATH", e.dir},
		{"REMIT_ACTION_REF", "main"},
		{"REMIT_API_URL", "http://127.0.0.1:1"},
		{"REMIT_SERVER_URL", "http://127.0.0.1:1"},
		{"REMIT_REPOSITORY", "evil/shop"},
		{"REMIT_HOME", e.dir},
		{"REMIT_PROXY", "http://127.0.0.1:1"},
		{"GITHUB_REPOSITORY", "evil/shop"},
		{"GITHUB_API_URL", "http://127.0.0.1:1"},
		{"GITHUB_SERVER_URL", "http://127.0.0.1:1"},
		{"GITHUB_EVENT_NAME", "push"},
		{"GITHUB_ACTION_REF", "main"},
	}
}

// used fails the test if something of the folder was.
func (e evil) used(t *testing.T) {
	t.Helper()
	if text, err := os.ReadFile(e.marks); err == nil {
		t.Errorf("used was:\n%s", text)
	}
}

// Each variable by itself as the workflow's own, and all together: the gate answers as without, and
// nothing of what they name is used.
func TestGateInHostileEnvironment(t *testing.T) {
	s, commit := merged(t)
	groups := map[string][][2]string{}
	e := newEvil(t)
	for _, v := range e.variables() {
		group, _, _ := strings.Cut(strings.TrimLeft(v[0], "_"), "_")
		switch group {
		case "BASH", "ENV", "POSIXLY", "SHELLOPTS", "BASHOPTS", "PS4", "CDPATH", "IFS", "TMOUT":
			group = "shell"
		case "LD", "GLIBC", "GCONV", "LOCPATH":
			group = "loader"
		case "INPUT", "REMIT", "GITHUB", "GIT", "PATH":
		default:
			group = "programs"
		}
		groups[group] = append(groups[group], v)
		groups["all"] = append(groups["all"], v)
	}
	for name, variables := range groups {
		t.Run(name, func(t *testing.T) {
			ev := s.dispatch(s.request(commit))
			for _, v := range variables {
				ev.vars = append(ev.vars, fmt.Sprintf("%q: '%s'", v[0], v[1]))
			}
			ev.gateOnly = true
			o := s.act("deploy.yml", ev)
			if !strings.Contains(o.log, "allow") && !strings.Contains(o.log, "let through") || o.exitCode() != 0 || o.step("remit") != "success" {
				t.Errorf("the gate ended as %q, exit code %d", o.step("remit"), o.exitCode())
			}
			if strings.Contains(o.log, "preload") || strings.Contains(o.log, "building remit") {
				t.Errorf("it went by a variable: %s", o.log)
			}
			e.used(t)
		})
	}
}

// A gate at a commit that the policy does not list, such as one of a fork or of an older release, lets nothing
// through, and uses nothing up.
func TestGateAtAnotherCommit(t *testing.T) {
	s, commit := merged(t)
	e := s.dispatch(s.request(commit))
	e.ref = "fedcba9876543210fedcba9876543210fedcba98"
	o := s.act("deploy.yml", e)
	o.want("deny", 1)
	o.wantDeployed("")
	if !strings.Contains(string(o.report), "deploy-ungated") || !strings.Contains(o.log, e.ref) {
		t.Errorf("the report does not say that the gate is at another commit: %s", o.log)
	}
	e.ref = gateCommit
	o = s.act("deploy.yml", e)
	o.want("allow", 0)
	o.wantDeployed(commit)
}

// runner runs the script that the action runs, by itself, with a program that tells what reaches it.
type runner struct {
	t      *testing.T
	action string
	temp   string
	env    []string // of the step, as action.yml and GitHub's runner make it
}

func newRunner(t *testing.T) *runner {
	t.Helper()
	r := &runner{t: t, action: t.TempDir(), temp: t.TempDir()}
	for _, name := range []string{"run", "binary"} {
		text, err := os.ReadFile("../../.github/action/" + name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(r.action, ".github", "action", name), string(text))
	}
	program := "#!/bin/sh\n/usr/bin/tr '\\0' '\\n' </proc/self/environ\n/usr/bin/tr '\\0' '\\n' </proc/$PPID/cmdline >&2\npwd -P >&2\n"
	sum := sha256.Sum256([]byte(program))
	name := "remit-" + runtime.GOOS + "-" + runtime.GOARCH
	write(t, filepath.Join(r.temp, "release", name), program)
	write(t, filepath.Join(r.action, "action-release.txt"), "from file://"+filepath.Join(r.temp, "release")+"\n"+name+" "+hex.EncodeToString(sum[:])+"\n")
	r.env = []string{
		"PATH=" + os.Getenv("PATH"), "RUNNER_TEMP=" + r.temp, "GITHUB_ACTIONS=true", "GITHUB_EVENT_PATH=/event.json", "GITHUB_OUTPUT=/output", "GITHUB_STEP_SUMMARY=/summary",
		"REMIT_ACTION_PATH=" + r.action, "REMIT_ACTION_REF=v1", "REMIT_SERVER_URL=https://github.com", "REMIT_API_URL=https://api.github.com",
		"REMIT_REPOSITORY=acme/shop", "REMIT_EVENT_NAME=workflow_dispatch", "REMIT_RUN_ID=7", "REMIT_RUN_ATTEMPT=2", "REMIT_JOB=deploy",
		"REMIT_MODE=deploy", "REMIT_TOKEN=the token", "REMIT_GATE_KEY=a\nkey", "REMIT_ENVIRONMENT=production", "REMIT_ACTION=deploy", "REMIT_TARGETS=api\nweb", "REMIT_REQUEST=$(id) `id`", "REMIT_APPROVALS=",
		"REMIT_AUDIT_TOKEN=another token", "REMIT_AUDIT_KEY=-----BEGIN\nsecret\n-----END\n", "REMIT_CREATE=false", "REMIT_WORKFLOWS=remit.yml deploy.yml", "REMIT_ISSUER=",
		"REMIT_REF=refs/heads/main", "REMIT_REPOSITORY_ID=4711", "ACTIONS_ID_TOKEN_REQUEST_URL=https://token.example/?a=b", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=the runner's token",
		"REMIT_POLICY_REPOSITORY=acme/policy", "REMIT_NAME=", "REMIT_CHECK_NAME=remit", "REMIT_APP_ID=0", "REMIT_PROXY=", "REMIT_NO_PROXY=",
	}
	return r
}

// run gives the environment of the program, and what was said.
func (r *runner) run(more ...string) (env map[string]string, said string, err error) {
	r.t.Helper()
	cmd := exec.Command("/bin/bash", "-p", filepath.Join(r.action, ".github", "action", "run"))
	cmd.Env = append(slices.Clone(r.env), more...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	env = map[string]string{}
	last := ""
	for line := range strings.Lines(stdout.String()) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !ok { // the next line of a value
			env[last] += "\n" + name
			continue
		}
		env[name], last = value, name
	}
	return env, stdout.String() + stderr.String(), err
}

// What the program gets is what stands here, whatever there is beside.
func TestWhatReachesTheProgram(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the program reads /proc")
	}
	r, e := newRunner(t), newEvil(t)
	var hostile []string
	for _, v := range e.variables() {
		name, _, _ := strings.Cut(v[0], "_")
		// GitHub sets those of the runner and of the action last. The loader's are for action.yml.
		if name != "GITHUB" && name != "REMIT" && name != "LD" && name != "GLIBC" {
			hostile = append(hostile, v[0]+"="+v[1])
		}
	}
	for name, more := range map[string][]string{"none": nil, "all": hostile} {
		t.Run(name, func(t *testing.T) {
			env, said, err := r.run(more...)
			if err != nil {
				t.Fatalf("%v: %s", err, said)
			}
			private := env["HOME"]
			if filepath.Dir(private) != r.temp || !strings.HasSuffix(strings.TrimSpace(said), private) {
				t.Errorf("HOME is %q: %s", private, said)
			}
			if info, err := os.Stat(private); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("the folder is not private: %v %v", info, err)
			}
			want := map[string]string{
				"PATH": "/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin", "LC_ALL": "C", "HOME": private, "TMPDIR": private, "RUNNER_TEMP": r.temp,
				"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": "/event.json", "GITHUB_OUTPUT": "/output", "GITHUB_STEP_SUMMARY": "/summary",
				"GITHUB_SERVER_URL": "https://github.com", "GITHUB_API_URL": "https://api.github.com", "GITHUB_REPOSITORY": "acme/shop",
				"GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": "2", "GITHUB_JOB": "deploy", "GITHUB_ACTION_REF": "v1",
				"INPUT_MODE": "deploy", "INPUT_TOKEN": "the token", "REMIT_GATE_KEY": "a\nkey", "INPUT_ENVIRONMENT": "production", "INPUT_ACTION": "deploy", "INPUT_TARGETS": "api\nweb",
				"INPUT_REQUEST": "$(id) `id`", "INPUT_APPROVALS": "", "INPUT_POLICY-REPOSITORY": "acme/policy", "INPUT_REPOSITORY": "", "INPUT_CHECK-NAME": "remit", "INPUT_APP-ID": "0",
				"REMIT_AUDIT_TOKEN": "another token", "REMIT_AUDIT_KEY": "-----BEGIN\nsecret\n-----END\n", "INPUT_CREATE": "false", "INPUT_WORKFLOWS": "remit.yml deploy.yml", "INPUT_ISSUER": "",
				"GITHUB_REF": "refs/heads/main", "GITHUB_REPOSITORY_ID": "4711", "ACTIONS_ID_TOKEN_REQUEST_URL": "https://token.example/?a=b", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "the runner's token",
			}
			for name, value := range env {
				// bash and sh set these themselves.
				if w, ok := want[name]; (!ok || w != value) && !slices.Contains([]string{"PWD", "OLDPWD", "SHLVL", "_"}, name) {
					t.Errorf("%s=%q reached it, want %q", name, value, w)
				}
			}
			for name := range want {
				if _, ok := env[name]; !ok {
					t.Errorf("%s did not reach it", name)
				}
			}
			e.used(t)
		})
	}
}

// A proxy is let through where an input of the action says so.
func TestProxy(t *testing.T) {
	r := newRunner(t)
	env, said, err := r.run("REMIT_PROXY=http://proxy.example:3128", "REMIT_NO_PROXY=ghes.example")
	if err != nil || env["HTTPS_PROXY"] != "http://proxy.example:3128" || env["https_proxy"] != env["HTTPS_PROXY"] || env["NO_PROXY"] != "ghes.example" {
		t.Errorf("%v %q: %s", err, env["HTTPS_PROXY"], said)
	}
	if _, said, err = r.run("REMIT_PROXY=proxy.example"); err == nil || !strings.Contains(said, "The input proxy is not an address") {
		t.Errorf("%v: %s", err, said)
	}
}

// The commit at which the action runs is told where the forge does not tell it.
func TestRefByFolder(t *testing.T) {
	r := newRunner(t)
	commit := "0123456789abcdef0123456789abcdef01234567"
	for folder, want := range map[string]string{"remit/" + commit: commit, "remit@" + commit: commit, "remit/main": "", "here": ""} {
		to := filepath.Join(t.TempDir(), folder)
		if err := os.CopyFS(to, os.DirFS(r.action)); err != nil {
			t.Fatal(err)
		}
		if env, said, err := r.run("REMIT_ACTION_REF=", "REMIT_ACTION_PATH="+to); err != nil || env["GITHUB_ACTION_REF"] != want {
			t.Errorf("%s: %v, %q: %s", folder, err, env["GITHUB_ACTION_REF"], said)
		}
	}
}
