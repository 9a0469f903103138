package workflow

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/remit-sh/remit/evidence"
)

// Addresses of files that a repository of a forge holds, in whatever program they stand.

// ownRepository stands in a script for an expression that is this repository, and ownServer for its forge.
const (
	ownRepository = "$GITHUB_REPOSITORY"
	ownServer     = "https://github.com"
	ownAPI        = "https://api.github.com"
)

// atRef is a repository at a ref, as package managers and build tools take one.
var atRef = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:github\.com[/:]|github:|gh:)([a-z0-9_-]+)/([a-z0-9_.-]+)(?:/[^@#?]*)?(?:@|#|\?ref=)[^/]|^([a-z0-9_-]+)/([a-z0-9_.-]+)#[^/]`)
})

// asksForFiles is a request for the content of files, or of a change, by its form and not by its address.
var asksForFiles = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?is)graphql.*\bblob\b|\bblob\b.*graphql|application/vnd\.github\.(?:v3\.)?(?:raw|diff|patch)\b`)
})

// addressGets reads an address of files that a repository of a forge holds. Of a host that is not plainly
// a forge the repository has to be told by it.
func addressGets(word string, forge bool) (kind evidence.FetchedKind, repo string, ok bool) {
	if !strings.ContainsRune(word, '/') {
		return 0, "", false
	}
	word = strings.ToLower(word)
	if m := atRef().FindStringSubmatch(word); m != nil && m[1] != "repos" {
		if strings.Contains(word, "./") {
			return 0, "", true // it may lead elsewhere
		}
		return 0, m[1] + m[3] + "/" + strings.TrimSuffix(m[2]+m[4], ".git"), true
	}
	for _, cdn := range []string{"jsdelivr.net/gh/", "statically.io/gh/", "githack.com/", "esm.sh/gh/", "rawgit.com/", "gitmcp.io/"} {
		if _, path, ok := strings.Cut(word, cdn); ok {
			return 0, strings.Join(strings.SplitN(strings.ReplaceAll(path, "@", "/"), "/", 3)[:min(2, strings.Count(path, "/")+1)], "/"), true
		}
	}
	mark := ""
	for _, m := range []string{"/archive/", "/tarball", "/zipball", "codeload.", "raw.githubusercontent.", "/raw/", "/actions/artifacts", "/releases/download/", "/releases/assets/", "/blob/", "/contents", "/git/blobs", "/readme", ".diff", ".patch"} {
		if strings.Contains(word, m) {
			mark = m
			break
		}
	}
	if mark == "" || mark[0] == '.' && !strings.Contains(word, "://") {
		return 0, "", false
	}
	if strings.Contains(mark, "/actions/") || strings.Contains(mark, "/releases/") {
		kind = evidence.FetchedArtifact
	}
	_, path, absolute := strings.Cut(word, "://")
	if !absolute {
		path = strings.TrimPrefix(word, "/")
	}
	host := ""
	if !strings.HasPrefix(path, "repos/") {
		host, path, _ = strings.Cut(path, "/")
	}
	parts := strings.FieldsFunc(strings.TrimPrefix(path, "repos/"), func(r rune) bool { return r == '/' })
	if len(parts) > 2 && !strings.ContainsAny(parts[0]+parts[1], "$\x01%") && !strings.Contains(path, "./") {
		repo = parts[0] + "/" + strings.TrimSuffix(parts[1], ".git")
	}
	forge = forge || host == "" || strings.Contains(host, "github") || strings.ContainsAny(host, "$\x01") || strings.Contains(word, "github_repository")
	return kind, repo, forge || repo != ""
}

// installs reads a repository without a ref, that is its default branch, which a program takes that
// installs or builds from repositories.
func installs(before []string, word string) (repo string, ok bool) {
	lower := strings.ToLower(word)
	_, address, plus := strings.Cut(lower, "git+")
	short := false
	if !plus {
		address = strings.TrimPrefix(lower, "--git=")
		short = slices.ContainsFunc(before, func(w string) bool {
			return slices.Contains([]string{"npm", "npx", "yarn", "pnpm", "bun", "bunx", "degit", "tiged", "giget"}, program(w))
		})
		if !short && !slices.ContainsFunc(before, func(w string) bool {
			p := program(w)
			return isEngine(p) || slices.Contains([]string{"buildx", "buildah", "pip", "pip3", "pipx", "uv", "uvx", "poetry", "cargo", "terraform", "tofu", "kubectl", "kustomize", "helm", "ansible-galaxy", "ansible-pull", "composer", "gem", "nix", "deno", "svn"}, p)
		}) {
			return "", false
		}
	}
	at, ok := "", false
	for _, prefix := range []string{"https://", "http://", "git://", "ssh://git@", "git@", "github:", "gh:", "-from-module="} {
		if rest, cut := strings.CutPrefix(address, prefix); cut {
			at, ok = rest, true
			break
		}
	}
	switch own := strings.ToLower(ownRepository); {
	case !ok && short && address == own:
		return "", true
	case !ok && short:
		at = address
	case !ok && strings.HasPrefix(address, "github.com/"):
		at = address
	case !ok:
		return "", false
	case strings.HasSuffix(strings.TrimSuffix(address, ".git"), "/"+own):
		return "", true
	}
	at = strings.TrimPrefix(at, "www.")
	if strings.HasPrefix(at, "github.com/$") || strings.HasPrefix(at, "github.com/\x01") {
		return "", true
	}
	repo = repositoryOf(at)
	return repo, repo != ""
}
