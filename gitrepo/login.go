package gitrepo

import (
	"encoding/base64"
	"fmt"
	"net/url"
)

// Login is what git is given in its environment to reach a repository by http or https with a token, besides what
// keeps it from the machine's own settings. The token goes to the URL's own host only, by https where that is not this
// machine, and never to where the server leads. Of the environment count proxies and certificates.
func Login(rawURL, token string, environ []string) ([]string, error) {
	u, err := parseRemote(rawURL, token)
	if err != nil {
		return nil, fmt.Errorf("reaching the repository: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("reaching the repository: its address begins with %s, and not with https", u.Scheme)
	}
	env := append(surroundings(environ, webVariables()), "GIT_ALLOW_PROTOCOL="+u.Scheme, "GIT_ASKPASS=", "SSH_ASKPASS=")
	config := []string{"http.followRedirects", "false", "credential.helper", "", "http.lowSpeedLimit", "1000", "http.lowSpeedTime", "60"}
	if token != "" {
		name, value, _ := tokenHeader(u, token)
		config = append(config, name, value)
	}
	env = append(env, fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(config)/2))
	for i := 0; i < len(config); i += 2 {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i/2, config[i]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i/2, config[i+1]))
	}
	return env, nil
}

// tokenHeader is the setting of git by which a token goes to the host of a URL, and to no other, with the secret in it.
func tokenHeader(u *url.URL, token string) (name, value, secret string) {
	basic := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + token))
	host := url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/"}
	return "http." + host.String() + ".extraHeader", "Authorization: basic " + basic, basic
}

// webVariables are those that say how the web is reached.
func webVariables() []string {
	return []string{
		"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY",
		"SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH",
	}
}

// surroundings are those variables of an environment that are set.
func surroundings(env environment, names []string) []string {
	var out []string
	for _, name := range names {
		if value := env.get(name); value != "" {
			out = append(out, name+"="+value)
		}
	}
	return out
}
