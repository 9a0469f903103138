package gitrepo

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
)

// TestLogin: a token goes to its own host by a way that nobody listens to, or nowhere.
func TestLogin(t *testing.T) {
	t.Parallel()
	env, err := Login("https://git.example/acme/shop.git", "ghs_x", []string{"HTTPS_PROXY=http://proxy", "GIT_SSH_COMMAND=evil", "GIT_CONFIG_COUNT=9"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"HTTPS_PROXY=http://proxy", "GIT_ALLOW_PROTOCOL=https", "GIT_CONFIG_COUNT=5", "GIT_CONFIG_KEY_4=http.https://git.example/.extraHeader",
		"GIT_CONFIG_VALUE_4=Authorization: basic " + base64.StdEncoding.EncodeToString([]byte("x-access-token:ghs_x")), "GIT_CONFIG_KEY_0=http.followRedirects", "GIT_CONFIG_VALUE_0=false",
	} {
		if !slices.Contains(env, want) {
			t.Errorf("%q is not among %q", want, env)
		}
	}
	if all := strings.Join(env, "\n"); strings.Contains(all, "evil") || strings.Contains(all, "COUNT=9") {
		t.Errorf("what was there before is among %q", env)
	}
	if _, err := Login("http://127.0.0.1:1/acme/shop.git", "ghs_x", nil); err != nil {
		t.Error(err)
	}
	if env, err := Login("http://git.example/acme/shop.git", "", nil); err != nil || !slices.Contains(env, "GIT_CONFIG_COUNT=4") {
		t.Errorf("%q, %v", env, err)
	}
	for _, bad := range []string{"http://git.example/acme/shop.git", "ssh://git.example/acme/shop.git", "file:///acme/shop.git", "https://x:y@git.example/a/b", "://"} {
		if env, err := Login(bad, "ghs_x", nil); err == nil || env != nil || strings.Contains(err.Error(), "ghs_x") {
			t.Errorf("%s: %q, %v", bad, env, err)
		}
	}
}
