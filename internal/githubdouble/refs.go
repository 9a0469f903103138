package githubdouble

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// goodRef is what GitHub takes for the name of a new ref: "refs", two slashes, and git's own rules in
// short.
var goodRef = regexp.MustCompile(`^refs/[^/]+/.+$`)

var badRef = regexp.MustCompile(`[\x00-\x20~^:?*\[\\\x7f]|\.\.|//|@\{|/\.|\.lock(/|$)|[/.]$`)

// createRef makes a ref if there is none: of two that ask, one wins, as all requests go one by one.
func createRef(c *call) answer {
	name, sha := c.text("ref"), c.text("sha")
	switch {
	case !goodRef.MatchString(name) || badRef.MatchString(name):
		return c.unprocessable(name + " is not a valid ref name.")
	case !isSHA(sha):
		return c.unprocessable("The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
	case c.repo.Refs[name] != "":
		return c.unprocessable("Reference already exists")
	case !c.d.known(c.repo, sha):
		return c.unprocessable("Object does not exist")
	}
	for other := range c.repo.Refs { // git keeps refs like files
		if strings.HasPrefix(other, name+"/") || strings.HasPrefix(name, other+"/") {
			return c.unprocessable("Reference update failed")
		}
	}
	if won, err := c.d.makeRef(c.repo, name, sha); err != nil || !won {
		if err != nil {
			return c.unprocessable("Reference update failed")
		}
		return c.unprocessable("Reference already exists")
	}
	c.d.move(c.s, c.repo, Activity{Ref: name, After: sha, Actor: c.actor().Login}, false, nil)
	return created(c.render().ref(c.repo, name, sha), fmt.Sprintf("%s/git/%s", c.render().repoURL(c.repo), name))
}

func getRef(c *call) answer {
	name := "refs/" + c.params["ref"]
	sha := c.repo.Refs[name]
	if sha == "" {
		return c.notFound()
	}
	return ok(c.render().ref(c.repo, name, sha))
}

// listMatchingRefs gives the refs whose names begin so, all at once: this list has no pages.
func listMatchingRefs(c *call) answer {
	prefix := "refs/" + c.params["ref"]
	items := []object{}
	for _, name := range slices.Sorted(maps.Keys(c.repo.Refs)) {
		if strings.HasPrefix(name, prefix) {
			items = append(items, c.render().ref(c.repo, name, c.repo.Refs[name]))
		}
	}
	return ok(items)
}

func getBranch(c *call) answer {
	name := c.params["branch"]
	sha := c.repo.Refs["refs/heads/"+name]
	if sha == "" {
		return c.refuse(404, "Branch not found")
	}
	f := c.render()
	api := f.repoURL(c.repo) + "/branches/" + name
	return ok(object{
		"name": name, "commit": f.commit(c.repo, sha), "protected": slices.Contains(c.repo.ProtectedBranches, name),
		"_links": object{"self": api, "html": web + "/" + c.repo.Name + "/tree/" + name}, "protection_url": api + "/protection",
		"protection": object{"enabled": slices.Contains(c.repo.ProtectedBranches, name)},
	})
}
