package workflow

import (
	"slices"
	"strings"
)

// Images that a script or an action takes by a name that may be another image tomorrow, and those that a
// job builds itself.

func isEngine(p string) bool {
	return slices.Contains([]string{"docker", "podman", "nerdctl", "crane", "skopeo", "oras", "docker-compose"}, p)
}

// images are those that a command takes, by the words behind its program. "compose" stands for those of a
// file that is not read.
func images(program string, rest []string) []string {
	var list []string
	add := func(words ...string) {
		for _, w := range words {
			w = strings.TrimPrefix(strings.TrimPrefix(w, "docker://"), "docker-daemon:")
			if w != "" && !strings.Contains(w, "@") && !strings.HasPrefix(w, "oci:") && !strings.HasPrefix(w, "dir:") {
				list = append(list, w)
			}
		}
	}
	switch {
	case program == "docker-compose":
		return images("docker", append([]string{"compose"}, rest...))
	case isEngine(program):
		verb, words := engineVerb(rest)
		switch {
		case verb == "compose":
			if v, more := engineVerb(words); slices.Contains([]string{"pull", "up", "run", "create"}, v) && !slices.Contains(more, "--build") {
				return []string{"compose"}
			}
		case verb == "pull" && program == "crane", slices.Contains([]string{"copy", "cp", "export"}, verb) && slices.Contains([]string{"crane", "skopeo", "oras"}, program):
			add(firstPlain(words))
		case verb == "pull":
			add(argumentsOf(words, "--platform", "-o", "--output").named...)
		case verb == "run" || verb == "create":
			add(ranImage(words))
		}
	case program == "kubectl" || program == "oc":
		if i := slices.Index(rest, "image"); i > 0 && rest[i-1] == "set" {
			for _, w := range rest[i+1:] {
				if _, image, ok := strings.Cut(w, "="); ok && !strings.HasPrefix(w, "-") {
					add(image)
				}
			}
		}
		add(imageOption(rest))
	case slices.Contains([]string{"gcloud", "az", "fly", "flyctl", "aws", "nomad", "railway"}, program):
		add(imageOption(rest))
	case program == "helm" || program == "helmfile" || program == "kustomize":
		for _, w := range rest {
			w = strings.TrimPrefix(strings.TrimPrefix(w, "--set-string="), "--set=")
			if name, value, ok := strings.Cut(w, "="); ok && !strings.HasPrefix(w, "-") && strings.Contains(strings.ToLower(name), "image") && !strings.HasSuffix(name, "repository") && !strings.HasSuffix(name, "digest") && !strings.HasSuffix(name, "pullPolicy") {
				add(value)
			}
		}
	}
	return list
}

// engineVerb is the verb of a container engine, without the object before it.
func engineVerb(words []string) (string, []string) {
	for i, w := range words {
		if strings.HasPrefix(w, "-") || w == "image" || w == "container" || i > 0 && slices.Contains([]string{"-H", "--host", "-c", "--context", "--config", "-l", "-f", "--file", "-p", "--profile", "--env-file"}, words[i-1]) {
			continue
		}
		return w, words[i+1:]
	}
	return "", nil
}

// ranImage is the image of "run": the first word that is no option and no option's value.
func ranImage(words []string) string {
	for i := 0; i < len(words); i++ {
		switch w := words[i]; {
		case !strings.HasPrefix(w, "-"):
			return w
		case w == "--" || strings.Contains(w, "="):
		case strings.HasPrefix(w, "--"):
			if !slices.Contains([]string{"--rm", "--detach", "--interactive", "--tty", "--init", "--privileged", "--read-only", "--publish-all", "--no-healthcheck", "--sig-proxy", "--oom-kill-disable", "--quiet", "--replace"}, w) {
				i++
			}
		case strings.Trim(w[1:], "ditPq") != "" && len(w) == 2:
			i++
		case strings.Trim(w[1:], "ditPq") == "" || len(w) > 2 && !strings.ContainsAny(w[1:2], "dit"):
		default:
			i++ // -itu USER
		}
	}
	return ""
}

// imageOption is the value of --image, where that is of a registry.
func imageOption(words []string) string {
	for i, w := range words {
		value, ok := strings.CutPrefix(w, "--image=")
		if w == "--image" && i+1 < len(words) {
			value, ok = words[i+1], true
		}
		if ok && strings.ContainsAny(value, "/:$\x01") {
			return value
		}
	}
	return ""
}

// builtImages are the names under which a script builds images.
func builtImages(text string) []string {
	all, _ := commandsOf(text, false)
	var list []string
	for _, c := range all {
		for i, w := range c.words {
			p := program(w)
			rest := c.words[i+1:]
			verb, words := engineVerb(rest)
			if p == "docker-compose" {
				verb, words = "compose", rest
			}
			switch {
			case !isEngine(p) && p != "buildah":
			case verb == "compose":
				if slices.Contains(words, "build") || slices.Contains(words, "--build") {
					list = append(list, "compose")
				}
			case verb == "tag":
				if len(words) > 1 && slices.Contains(list, untagged(words[0])) {
					list = append(list, untagged(words[1]))
				}
			case verb == "build" || verb == "buildx" || verb == "bud" || verb == "builder":
				for k, o := range words {
					for _, name := range []string{"-t", "--tag"} {
						if value, ok := strings.CutPrefix(o, name+"="); ok {
							list = append(list, untagged(value))
						} else if o == name && k+1 < len(words) {
							list = append(list, untagged(words[k+1]))
						}
					}
					if o == "-q" || o == "--quiet" {
						list = append(list, "$")
					}
				}
			}
		}
	}
	return list
}

// untagged is an image's name without the tag that it has anyway.
func untagged(name string) string { return strings.TrimSuffix(name, ":latest") }

// takesImages reports whether an input of an action names images that the action starts or deploys.
func takesImages(action, input string) bool {
	for _, other := range []string{"metadata-action", "build", "login", "qemu", "scan", "trivy", "grype", "anchore", "cosign", "attest", "sbom"} {
		if strings.Contains(action, other) {
			return false
		}
	}
	return input == "image" || input == "images" || strings.HasSuffix(input, "-image") || strings.HasSuffix(input, "_image")
}
