//go:build unix

package hooks

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestKilledChild is the program that the tests below kill: it installs or uninstalls in
// $HOOKS_DIR and kills itself, as by power loss, before lasting change number $HOOKS_KILL_AT.
func TestKilledChild(t *testing.T) {
	at, err := strconv.Atoi(os.Getenv("HOOKS_KILL_AT"))
	if err != nil {
		t.Skip("runs only as a child of the tests below")
	}
	n := 0
	step := func(what string) {
		if n == at {
			fmt.Println("killed before: " + what)
			if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			select {}
		}
		n++
	}
	dir := os.Getenv("HOOKS_DIR")
	if os.Getenv("HOOKS_DO") == "uninstall" {
		_, err = uninstall(dir, step)
	} else {
		_, err = install(killedOptions(dir), step)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func killedOptions(dir string) InstallOptions {
	bare := filepath.Dir(dir)
	return InstallOptions{HooksDir: dir, Set: Server, Remit: filepath.Join(bare, "program"), GitDir: bare, Server: &ServerConfig{RootKey: "k"}}
}

// killedAt runs the child until its nth lasting change. It reports false if the child got through.
func killedAt(t *testing.T, dir, do string, n int) bool {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledChild$")
	cmd.Env = append(os.Environ(), "HOOKS_DIR="+dir, "HOOKS_DO="+do, "HOOKS_KILL_AT="+strconv.Itoa(n))
	out, err := cmd.CombinedOutput()
	t.Logf("%s, step %d: %s", do, n, strings.TrimSpace(string(out)))
	if err == nil {
		return false
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("%v: %s", err, out)
	}
	return true
}

// runHook runs the hook as git would, which ignores one that is absent, and returns what ran.
func runHook(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "pre-receive")
	if info, err := os.Stat(path); err != nil || info.Mode()&0o111 == 0 {
		return ""
	}
	cmd := exec.Command(path)
	cmd.Stdin = strings.NewReader("old new ref\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the hook is broken: %v: %s", err, out)
	}
	return string(out)
}

func TestKilledAtAnyMoment(t *testing.T) {
	earliers := map[string]func(t *testing.T, path string){
		"no earlier hook": func(*testing.T, string) {},
		"earlier hook": func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte("#!/bin/sh\nread line\necho \"earlier $line\"\n"), 0o750); err != nil {
				t.Fatal(err)
			}
		},
		"linked hook": func(t *testing.T, path string) {
			target := filepath.Join(filepath.Dir(filepath.Dir(path)), "target")
			if err := os.WriteFile(target, []byte("#!/bin/sh\nread line\necho \"earlier $line\"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("../target", path); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, earlier := range earliers {
		for _, do := range []string{"install", "uninstall"} {
			t.Run(name+" "+do, func(t *testing.T) {
				for n := 0; ; n++ {
					dir := filepath.Join(t.TempDir(), "hooks")
					if err := os.Mkdir(dir, 0o700); err != nil {
						t.Fatal(err)
					}
					remit := filepath.Join(filepath.Dir(dir), "program")
					if err := os.WriteFile(remit, []byte("#!/bin/sh\nread line\necho \"remit $line\"\n"), 0o700); err != nil {
						t.Fatal(err)
					}
					path := filepath.Join(dir, "pre-receive")
					earlier(t, path)
					old := runHook(t, dir)
					before := listing(t, dir)
					if do == "uninstall" {
						if _, err := Install(killedOptions(dir)); err != nil {
							t.Fatal(err)
						}
					}
					killed := killedAt(t, dir, do, n)
					if got, both := runHook(t, dir), old+"remit old new ref\n"; got != old && got != both {
						t.Errorf("step %d: the hook ran %q, want %q or %q", n, got, old, both)
					}
					if _, err := Install(killedOptions(dir)); err != nil {
						t.Errorf("step %d: installing after the kill: %v", n, err)
					}
					if got, want := runHook(t, dir), old+"remit old new ref\n"; got != want {
						t.Errorf("step %d: after installing, the hook ran %q, want %q", n, got, want)
					}
					if do == "install" && killed {
						killedAt(t, dir, "uninstall", n)
					}
					if _, err := Uninstall(dir); err != nil {
						t.Errorf("step %d: uninstalling after the kill: %v", n, err)
					}
					if got := listing(t, dir); got != before {
						t.Errorf("step %d: uninstall left\n%s\nwant\n%s", n, got, before)
					}
					if !killed {
						if n == 0 {
							t.Fatal("no step was tested")
						}
						return
					}
				}
			})
		}
	}
}

// listing describes the files of a folder: name, mode, and link target or bytes.
func listing(t *testing.T, dir string) string {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, f.Name())
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		target, _ := os.Readlink(path)
		fmt.Fprintf(&b, "%s %s %q %s\n", f.Name(), info.Mode(), target, text)
	}
	return b.String()
}

// A file system without hard links: the earlier hook is copied.
func TestCopyNew(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if err := os.WriteFile(a, []byte("#!/bin/sh\n"), 0o710); err != nil {
		t.Fatal(err)
	}
	if err := copyNew(a, b, nil); err != nil {
		t.Fatal(err)
	}
	if same, err := sameHook(a, b); err != nil || !same {
		t.Errorf("the copy differs: %v", err)
	}
	if err := copyNew(a, b, nil); !errors.Is(err, os.ErrExist) {
		t.Errorf("copying over a file: %v", err)
	}
	if err := os.Chmod(b, 0o700); err != nil {
		t.Fatal(err)
	}
	if same, err := sameHook(a, b); err != nil || same {
		t.Errorf("another mode is the same hook: %v", err)
	}
}

func TestShellOf(t *testing.T) {
	for line, want := range map[string]string{
		"#!/bin/sh":                "/bin/sh",
		"#! /bin/bash -eu":         "/bin/bash -eu",
		"#!/usr/bin/env sh":        "/usr/bin/env sh",
		"#!/usr/bin/env -S sh -e":  "",
		"#!/usr/bin/env python3":   "",
		"#!/usr/bin/env":           "",
		"#!/bin/sh -c":             "",
		"#!/bin/sh --posix":        "",
		"#!/bin/sh -e -u":          "",
		"#!/usr/bin/zsh":           "", // zsh changes $0 when it reads a file
		"#!/opt/$(id)/sh":          "",
		"#!/opt/a;b/sh":            "",
		"#!":                       "",
		"/bin/sh":                  "",
		"#!/bin/sh\r":              "/bin/sh",
		"":                         "",
		"#!/usr/bin/env bash -eux": "",
	} {
		if got := shellOf([]byte(line + "\necho\n")); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
