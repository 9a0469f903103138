package githubdouble

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// Limits that GitHub states in words only.
const (
	maxAnnotationTitle = 255      // characters
	maxAnnotationText  = 64 << 10 // bytes
	maxStatusText      = 140      // characters
	maxAnnotations     = 50       // a request
)

// beyondSchema refuses what the description forbids in words, not in its schemas.
func beyondSchema(operation string, body object, query url.Values) error {
	switch operation {
	case "pulls/list":
		if head := query.Get("head"); head != "" && !strings.Contains(head, ":") {
			return fmt.Errorf("head=%s: want owner:branch; GitHub ignores anything else, and lists every pull request", head)
		}
	case "checks/create", "checks/update":
		return checkRunRules(operation, body)
	case "repos/create-deployment-status":
		if text, _ := body["description"].(string); utf8.RuneCountInString(text) > maxStatusText {
			return fmt.Errorf("description: %d characters, and %d are allowed", utf8.RuneCountInString(text), maxStatusText)
		}
	}
	return nil
}

func checkRunRules(operation string, body object) error {
	_, concluded := body["conclusion"].(string)
	_, at := body["completed_at"].(string)
	switch {
	case (body["status"] == "completed" || at) && !concluded:
		return errors.New("conclusion: required with completed_at, and with the status completed")
	case body["conclusion"] == "stale":
		return errors.New("conclusion: only GitHub sets stale")
	case concluded && body["status"] != nil && body["status"] != "completed":
		return fmt.Errorf("conclusion: with the status %v", body["status"])
	}
	output, ok := body["output"].(object)
	if !ok {
		return nil
	}
	for _, name := range []string{"title", "summary"} {
		if _, set := output[name].(string); !set {
			return fmt.Errorf("output/%s: required", name)
		}
	}
	annotations, _ := output["annotations"].([]any)
	if len(annotations) > maxAnnotations {
		return fmt.Errorf("output/annotations: %d, and %d are allowed a request", len(annotations), maxAnnotations)
	}
	for i, item := range annotations {
		a, _ := item.(object)
		start, _ := a["start_line"].(float64)
		end, _ := a["end_line"].(float64)
		message, _ := a["message"].(string)
		raw, _ := a["raw_details"].(string)
		title, _ := a["title"].(string)
		path, _ := a["path"].(string)
		switch {
		case start < 1 || end < start:
			return fmt.Errorf("output/annotations/%d: lines %v to %v", i, start, end)
		case (a["start_column"] != nil || a["end_column"] != nil) && start != end:
			return fmt.Errorf("output/annotations/%d: columns are for one line only", i)
		case len(message) > maxAnnotationText || len(raw) > maxAnnotationText:
			return fmt.Errorf("output/annotations/%d: message or raw_details of more than %d bytes", i, maxAnnotationText)
		case utf8.RuneCountInString(title) > maxAnnotationTitle:
			return fmt.Errorf("output/annotations/%d: title of more than %d characters", i, maxAnnotationTitle)
		case path == "" || message == "" || strings.HasPrefix(path, "/"):
			return fmt.Errorf("output/annotations/%d: path %q, message %q", i, path, message)
		}
	}
	if operation == "checks/create" && body["name"] == "" {
		return errors.New("name: empty")
	}
	return nil
}

func createCheckRun(c *call) answer {
	if c.token.App == "" {
		return c.refuse(http.StatusForbidden, "You must authenticate via a GitHub App.")
	}
	sha := c.text("head_sha")
	if !c.d.known(c.repo, sha) {
		return c.unprocessable("No commit found for SHA: " + sha)
	}
	v := &CheckRun{Name: c.text("name"), HeadSHA: sha, App: c.token.App, Status: "queued"}
	c.d.assign(&v.ID)
	c.applyCheckRun(v)
	c.repo.CheckRuns = append(c.repo.CheckRuns, v)
	return created(c.render().checkRun(c.repo, v), "")
}

func updateCheckRun(c *call) answer {
	v := c.repo.checkRun(c.id("check_run_id"))
	if v == nil {
		return c.notFound()
	}
	if c.token.App != v.App {
		if c.token.App == "" {
			return c.refuse(http.StatusForbidden, "You must authenticate via a GitHub App.")
		}
		return c.refuse(http.StatusForbidden, fmt.Sprintf("Invalid app_id `%d` - check run can only be modified by the GitHub App that created it.", c.s.app(c.token.App).ID))
	}
	if status := c.text("status"); c.token.App != actionsApp && (status == "waiting" || status == "pending" || status == "requested") {
		return c.unprocessable("Only GitHub Actions can set the status " + status + ".")
	}
	c.applyCheckRun(v)
	return ok(c.render().checkRun(c.repo, v))
}

// applyCheckRun takes over what the body sets; annotations add up.
func (c *call) applyCheckRun(v *CheckRun) {
	for name, field := range map[string]*string{
		"name": &v.Name, "details_url": &v.DetailsURL, "external_id": &v.ExternalID, "status": &v.Status, "conclusion": &v.Conclusion,
	} {
		if text, set := c.body[name].(string); set {
			*field = text
		}
	}
	now := c.d.now()
	switch {
	case c.text("conclusion") != "": // a conclusion completes the run
		v.Status, v.CompletedAt = "completed", now
		if at := c.moment("completed_at"); !at.IsZero() {
			v.CompletedAt = at
		}
	case c.text("status") != "" && c.text("status") != "completed":
		v.Conclusion, v.CompletedAt = "", c.moment("completed_at")
	}
	if at := c.moment("started_at"); !at.IsZero() {
		v.StartedAt = at
	} else if v.StartedAt.IsZero() {
		v.StartedAt = now
	}
	output, set := c.body["output"].(object)
	if !set {
		return
	}
	for name, field := range map[string]*string{"title": &v.Title, "summary": &v.Summary, "text": &v.Text} {
		if text, set := output[name].(string); set {
			*field = text
		}
	}
	annotations, _ := output["annotations"].([]any)
	for _, item := range annotations {
		var a Annotation
		text, err := json.Marshal(item)
		if err == nil {
			err = json.Unmarshal(text, &a)
		}
		if err != nil { // the description has checked every member
			c.d.failures = append(c.d.failures, fmt.Sprintf("reading an annotation: %v", err))
			continue
		}
		v.Annotations = append(v.Annotations, a)
	}
}

func getCheckRun(c *call) answer {
	v := c.repo.checkRun(c.id("check_run_id"))
	if v == nil {
		return c.notFound()
	}
	return ok(c.render().checkRun(c.repo, v))
}

func listCheckRuns(c *call) answer {
	sha := c.resolve(c.params["ref"])
	if !c.d.known(c.repo, sha) {
		return c.unprocessable("No commit found for SHA: " + c.params["ref"])
	}
	latest := map[string]int64{} // of each app and name
	key := func(v *CheckRun) string { return v.App + "\x00" + v.Name }
	for _, v := range c.repo.CheckRuns {
		if v.HeadSHA == sha {
			latest[key(v)] = max(latest[key(v)], v.ID)
		}
	}
	items := []object{}
	for _, v := range c.repo.CheckRuns {
		switch {
		case v.HeadSHA != sha:
		case c.query.Get("filter") != "all" && latest[key(v)] != v.ID:
		case c.query.Get("check_name") != "" && c.query.Get("check_name") != v.Name:
		case c.query.Get("status") != "" && c.query.Get("status") != v.Status:
		case c.query.Get("app_id") != "" && c.query.Get("app_id") != fmt.Sprint(c.s.app(v.App).ID):
		default:
			items = append(items, c.render().checkRun(c.repo, v))
		}
	}
	here, link := c.cut(items)
	a := ok(object{"total_count": len(items), "check_runs": here})
	if link != "" {
		a.header.Set("Link", link)
	}
	return a
}

// resolve turns a branch, tag or id into an id.
func (c *call) resolve(ref string) string {
	for _, prefix := range []string{"refs/", "refs/heads/", "refs/tags/"} {
		if sha := c.repo.Refs[prefix+strings.TrimPrefix(ref, "refs/")]; sha != "" {
			return sha
		}
	}
	return ref
}
