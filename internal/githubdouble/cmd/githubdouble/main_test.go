package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const scenario = `{
  "now": "2026-11-23T12:00:00Z",
  "users": [{"id": 1, "login": "alice"}, {"id": 2, "login": "coder", "type": "Bot"}],
  "tokens": [{"value": "secret-token", "user": "alice"}],
  "repositories": [{
    "id": 4711, "name": "acme/shop", "roles": {"alice": "admin"},
    "refs": {"refs/heads/main": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"},
    "pull_requests": [{"number": 7, "author": "coder", "head_ref": "agent/x", "head_sha": "cccccccccccccccccccccccccccccccccccccccc"}]
  }]
}`

func TestCommand(t *testing.T) {
	dir := t.TempDir()
	file, journal := filepath.Join(dir, "scenario.json"), filepath.Join(dir, "journal")
	if err := os.WriteFile(file, []byte(scenario), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	read, write := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"-scenario", file, "-control", "127.0.0.1:0", "-journal", journal}, write, io.Discard)
	}()
	var api, control string
	lines := bufio.NewReader(read)
	for _, into := range []struct {
		name string
		url  *string
	}{{"api", &api}, {"control", &control}} {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscanf(line, into.name+" %s", into.url); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
	}
	call := func(method, url, body string, status int, want string) {
		t.Helper()
		r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer secret-token")
		res, err := (&http.Client{Timeout: 5 * time.Second}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		text, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != status || !strings.Contains(string(text), want) {
			t.Errorf("%s %s: %d %s, want %d with %s", method, url, res.StatusCode, text, status, want)
		}
	}
	const a, d = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "dddddddddddddddddddddddddddddddddddddddd"
	call("POST", control+"/step", `{"do":"push","repository":"acme/shop","ref":"refs/heads/agent/x","sha":"`+a+`","actor":"coder"}`, 200, `"id":0`)
	call("POST", control+"/step", `{"do":"review","repository":"acme/shop","number":7,"review":{"user":"alice","state":"APPROVED"}}`, 200, `"id":9`)
	call("POST", control+"/step", `{"do":"advance","by":"10m"}`, 200, "")
	call("POST", control+"/step", `{"do":"fly"}`, 422, "no step")
	call("POST", control+"/step", `{"do":"push","colour":"red"}`, 400, "colour")
	call("GET", api+"/repos/acme/shop/pulls/7/reviews", "", 200, a)
	call("POST", control+"/step", `{"do":"merge","repository":"acme/shop","number":7,"actor":"alice","sha":"`+d+`"}`, 200, "")
	call("POST", control+"/event", `{"kind":"pull_request","of":{"repository":"acme/shop","number":7,"action":"closed"}}`, 200, `"merged":true`)
	call("POST", control+"/event", `{"kind":"issues","of":{"repository":"acme/shop"}}`, 422, "issues")
	call("POST", control+"/fault", `{"kind":"status","status":503}`, 200, "")
	call("GET", api+"/user", "", 503, "")
	call("GET", control+"/state", "", 200, `"merged_at":"2026-11-23T12:10:00Z"`)
	call("GET", control+"/journal", "", 200, "pulls/list-reviews")
	call("GET", control+"/failures", "", 200, "[]")
	call("GET", api+"/nonsense", "", 500, "githubdouble")
	stop()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "/nonsense") {
		t.Errorf("it ended with %v", err)
	}
	text, err := os.ReadFile(journal)
	if err != nil || strings.Count(string(text), "\n") != 3 || strings.Contains(string(text), "secret-token") {
		t.Errorf("journal %s, %v", text, err)
	}
}

func TestRefusesScenarios(t *testing.T) {
	for name, text := range map[string]string{
		"unknown member":      strings.Replace(scenario, `"author"`, `"colour":"red","author"`, 1),
		"unknown login":       strings.Replace(scenario, `"author": "coder"`, `"author": "codre"`, 1),
		"unknown role":        strings.Replace(scenario, `"alice": "admin"`, `"alice": "owner"`, 1),
		"shared id":           strings.Replace(scenario, `"id": 2`, `"id": 1`, 1),
		"short commit id":     strings.Replace(scenario, "cccc", "", 1),
		"token without owner": strings.Replace(scenario, `, "user": "alice"`, "", 1),
		"not JSON":            scenario[1:],
	} {
		file := filepath.Join(t.TempDir(), "scenario.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		stop()
		if err := run(ctx, []string{"-scenario", file}, io.Discard, io.Discard); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
