package forge

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-github/v62/github"

	"github.com/remit-sh/remit/inert"
)

// GitHub's limits on a check run, and ours.
const (
	DefaultCheckName = "remit"
	MaxCheckText     = 65_535 // of summary and text each; GitHub counts characters, here they are bytes
	maxTitle         = 250    // characters
	perRequest       = 50     // annotations

	externalPrefix = "remit:2:" // marks the runs that are ours among others of the same name
	externalFormer = "remit:1:" // of earlier versions
	maxRunPages    = 50         // of a commit's check runs: others may make many
)

// CheckRun is a check run as somebody wants it. What it says is the caller's to render, and to make inert;
// this package only shortens it to what GitHub takes.
type CheckRun struct {
	// ID names what the run says: a run that has the same ID, name, conclusion, title and annotations is
	// left as it is, whatever its text.
	ID          string
	Name        string // "": [DefaultCheckName]
	Conclusion  string // success, neutral, action_required, cancelled, failure; anything else is a failure
	Title       string // one line of plain text; "": the conclusion
	Summary     string // Markdown; "": the title
	Text        string // more Markdown; "" for none
	DetailsURL  string // "" for none
	Annotations []Annotation
	KeepText    bool // of one that stands already, whatever it says, the conclusion alone changes
}

// Annotation is a remark on a file.
type Annotation struct {
	Path    string
	Line    int    // from 1; 0: the file as a whole
	Column  int    // from 1; 0: not known
	Level   string // notice, warning or failure
	Title   string
	Message string // never empty: GitHub takes no annotation without one
}

// CheckOptions say where check runs may be posted.
type CheckOptions struct {
	AppID int64 // of the App whose token the client has (GitHub Actions: 15368); 0: any App's run with our mark counts
	// PullRequest is the one whose head is re-read just before the check run is posted; 0 for none.
	PullRequest int
	// Order is when what is said was read. A check run that says what was read later stays as it is.
	Order Order
	// Replace gives what a check run of ours that stands there under another name shall say from now on; false
	// leaves it. Nil leaves all.
	Replace func(name string) (CheckRun, bool)
}

// Order is when what a check run says was read, so that no result takes the place of a later one: by GitHub's
// clock, then by the run of the workflow and its attempt.
type Order struct {
	Read    time.Time
	Run     int64
	Attempt int
}

// before reports whether one reading was before another.
func (o Order) before(p Order) bool {
	return cmp.Or(o.Read.Compare(p.Read), cmp.Compare(o.Run, p.Run), cmp.Compare(o.Attempt, p.Attempt)) < 0
}

func (o Order) text() string { return fmt.Sprintf("%d.%d.%d", o.Read.Unix(), o.Run, o.Attempt) }

func parseOrder(text string) (Order, bool) {
	var o Order
	var seconds int64
	if n, err := fmt.Sscanf(text, "%d.%d.%d", &seconds, &o.Run, &o.Attempt); n != 3 || err != nil {
		return Order{}, false
	}
	o.Read = time.Unix(seconds, 0)
	return o, o.text() == text
}

// ErrLater means that a check run stands there which says what was read later.
var ErrLater = errors.New("a later result stands there already")

// checkRun is a check run as it shall be.
type checkRun struct {
	name, head, conclusion string
	title, summary, text   string
	detailsURL             string
	annotations            []*github.CheckRunAnnotation
	annotationsID          string // of the set of annotations
	says                   string // what names all that it says
	order                  Order
	keepText               bool
}

// externalID marks a check run as ours: when what it says was read, what that is, and its annotations; or that
// it is not complete yet.
func (want checkRun) externalID(whole bool) string {
	if !whole {
		return externalPrefix + want.order.text() + ":partial"
	}
	return externalPrefix + want.order.text() + ":" + want.says + ":" + want.annotationsID[:16]
}

// outdated reports whether what stands there was read later. What is from a time that GitHub has not reached yet
// nobody read; and of what was read in one second, the worse is taken to be the later.
func (want checkRun) outdated(standing Order, conclusion string, now time.Time) bool {
	switch {
	case !want.order.before(standing), standing.Read.After(now):
		return false
	case want.order.Read.Equal(standing.Read):
		return passes(want.conclusion) || !passes(conclusion)
	default:
		return true
	}
}

// passes reports whether GitHub takes a conclusion for a success.
func passes(conclusion string) bool {
	return conclusion == "success" || conclusion == "neutral" || conclusion == "skipped"
}

type checkRunJSON struct {
	ID         int64  `json:"id"`
	Name       string `json:"name"`
	HeadSHA    string `json:"head_sha"`
	Status     string `json:"status"`
	Conclusion string `json:"conclusion"`
	ExternalID string `json:"external_id"`
	App        struct {
		ID int64 `json:"id"`
	} `json:"app"`
	Output struct {
		Title       string `json:"title"`
		Annotations int    `json:"annotations_count"`
	} `json:"output"`
}

// ours reports whether a check run has our mark, and when what it says was read.
func (r checkRunJSON) ours() (Order, bool) {
	if strings.HasPrefix(r.ExternalID, externalFormer) {
		return Order{}, true
	}
	rest, ok := strings.CutPrefix(r.ExternalID, externalPrefix)
	if !ok {
		return Order{}, false
	}
	text, _, _ := strings.Cut(rest, ":")
	o, ok := parseOrder(text)
	if !ok {
		o = Order{} // somebody else wrote it, or it is of no time
	}
	return o, true
}

// shows reports whether a check run says all that it shall already, whenever that was read.
func (r checkRunJSON) shows(want checkRun) bool {
	return strings.HasSuffix(r.ExternalID, ":"+want.says+":"+want.annotationsID[:16]) && r.Status == "completed" && r.Conclusion == want.conclusion &&
		r.Output.Title == want.title && r.HeadSHA == want.head
}

// PostChecks makes check runs those of a commit. There is one of a name: it is updated, and where it says the
// same already only noted that it still holds; posted says whether what stands there changed. Where one stands
// that says what was read later the error is [ErrLater]; a token that may not write is an [ErrPermission]; a pull
// request that moved on meanwhile is an [ErrHeadMoved].
func (c *Client) PostChecks(ctx context.Context, repo, head string, runs []CheckRun, o CheckOptions) (posted bool, err error) {
	at, err := parseRepository(repo)
	if err != nil {
		return false, err
	}
	if !isCommit(head) {
		return false, fmt.Errorf("%s is not a full commit id", inert.Quote(head))
	}
	c.reserve(writeReserve * (1 + len(runs))) // judging must not use up what saying takes
	var wanted []checkRun
	for _, run := range runs {
		want, err := newCheckRun(head, run, o.Order)
		if err != nil {
			return false, err
		}
		wanted = append(wanted, want)
	}
	if err := c.headStands(ctx, at, head, o.PullRequest); err != nil {
		return false, fmt.Errorf("posting the check run: %w", err)
	}
	standing, cut, err := c.ourRuns(ctx, at, head, o.AppID)
	if err == nil && len(standing) == 0 && !cut {
		standing, _, err = c.ourRuns(ctx, at, head, o.AppID) // a copy that lags behind would make a second one
	}
	if err != nil {
		return false, fmt.Errorf("posting the check run on %s: %w", head, err)
	}
	if wanted, err = replaced(wanted, standing, head, o); err != nil {
		return false, err
	}
	// What stands there is changed first: a success that holds no more goes before anything new comes.
	slices.SortStableFunc(wanted, func(a, b checkRun) int { return cmp.Compare(rank(standing, a.name), rank(standing, b.name)) })
	var errs []error
	for _, want := range wanted {
		changed, err := c.post(ctx, at, want, standing, o.AppID)
		if errors.Is(err, ErrRefused) && len(want.annotations) > 0 {
			// The conclusion matters more than a path that GitHub would not show.
			want.annotations = nil
			changed, err = c.post(ctx, at, want, standing, o.AppID)
		}
		if posted = posted || changed; err != nil {
			errs = append(errs, fmt.Errorf("posting the check run %s on %s: %w", inert.Quote(want.name), head, err))
		}
	}
	return posted, errors.Join(errs...)
}

// rank orders what is posted: what stands there before what is new.
func rank(standing []checkRunJSON, name string) int {
	if slices.ContainsFunc(standing, func(r checkRunJSON) bool { return r.Name == name }) {
		return 0
	}
	return 1
}

// headStands makes sure that a commit is still the head of a pull request.
func (c *Client) headStands(ctx context.Context, at place, head string, number int) error {
	if number == 0 {
		return nil
	}
	var pull pullJSON
	if _, err := c.get(ctx, readPull, at.path("/pulls/%d", number), nil, &pull); err != nil {
		return err
	}
	if pull.Number != number || pull.Head.SHA != head {
		return fmt.Errorf("%w: %s", ErrHeadMoved, inert.Quote(pull.Head.SHA))
	}
	return nil
}

// replaced adds what runs that stand under other names shall say from now on.
func replaced(wanted []checkRun, standing []checkRunJSON, head string, o CheckOptions) ([]checkRun, error) {
	if o.Replace == nil {
		return wanted, nil
	}
	for _, run := range standing {
		if slices.ContainsFunc(wanted, func(w checkRun) bool { return w.name == run.Name }) {
			continue
		}
		if r, ok := o.Replace(run.Name); ok {
			r.Name = run.Name
			want, err := newCheckRun(head, r, o.Order)
			if err != nil {
				return nil, err
			}
			wanted = append(wanted, want)
		}
	}
	return wanted, nil
}

func newCheckRun(head string, run CheckRun, order Order) (checkRun, error) {
	if run.ID == "" {
		return checkRun{}, errors.New("the check run to post has no id, so that nobody could tell whether it is there already")
	}
	want := checkRun{
		name: cmp.Or(run.Name, DefaultCheckName), head: head, conclusion: "failure",
		text: shorten(run.Text, MaxCheckText), detailsURL: run.DetailsURL, order: order, keepText: run.KeepText,
	}
	switch run.Conclusion {
	case "success", "neutral", "action_required", "cancelled":
		want.conclusion = run.Conclusion
	}
	want.title = cmp.Or(title(run.Title), want.conclusion)
	want.summary = cmp.Or(shorten(run.Summary, MaxCheckText), want.title)
	for _, a := range run.Annotations {
		want.annotations = append(want.annotations, a.asGitHub())
	}
	id, err := digest([]string{run.ID, want.name, want.conclusion, want.title})
	if err != nil {
		return want, err
	}
	if want.annotationsID, err = digest(want.annotations); err != nil {
		return want, err
	}
	want.says = id
	return want, nil
}

// asGitHub is an annotation as GitHub takes it: what is about a whole file stands on its first line.
func (a Annotation) asGitHub() *github.CheckRunAnnotation {
	line := github.Int(max(a.Line, 1))
	var column *int
	if a.Line > 0 && a.Column > 0 {
		column = &a.Column
	}
	return &github.CheckRunAnnotation{
		Path: &a.Path, StartLine: line, EndLine: line, StartColumn: column,
		AnnotationLevel: &a.Level, Title: &a.Title, Message: &a.Message,
	}
}

// title is a title that GitHub takes: one line, and not too long.
func title(t string) string {
	return inert.CutCharacters(strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(t, "\uFFFD")), maxTitle)
}

// shorten cuts Markdown to n bytes, after a whole line, so that no code span is cut open.
func shorten(s string, n int) string {
	const note = "\n\nThe rest was left out here.\n"
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	s = s[:n-len(note)]
	return s[:strings.LastIndexByte(s, '\n')+1] + note
}

// digest names what is equal alike.
func digest(v any) (string, error) {
	text, err := json.Marshal(v, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return "", fmt.Errorf("naming the check run: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// post makes a check run what it shall be, given those of ours that stand there.
func (c *Client) post(ctx context.Context, at place, want checkRun, standing []checkRunJSON, app int64) (changed bool, err error) {
	ours := false
	for _, run := range standing {
		if run.Name != want.name {
			continue
		}
		if order, _ := run.ours(); want.outdated(order, run.Conclusion, c.Clock()) {
			return changed, ErrLater
		}
		switch {
		case want.keepText && run.Status == "completed" && run.Conclusion == want.conclusion:
		case want.keepText, run.shows(want):
			// What stands there holds by what was read now: an earlier reading must not take its place any more.
			err = c.confirm(ctx, at, run, want)
			changed = changed || want.keepText && err == nil
		default:
			err = c.update(ctx, at, run, want)
			changed = changed || err == nil
		}
		if app == 0 && errors.Is(err, ErrPermission) && strings.Contains(err.Error(), "app_id") {
			continue // another App made it, under our name and with our mark
		}
		if err != nil {
			return changed, err
		}
		ours = true
	}
	if ours {
		return changed, nil
	}
	err = c.create(ctx, at, want, app)
	return changed || err == nil, err
}

// ourRuns are the newest check runs of each name and App that have our mark. Others are left alone: a workflow's
// job of that name has one too. cut says that there are more runs than are read: others made them, and one of
// ours that is not found is made again, which then is the newest and counts.
func (c *Client) ourRuns(ctx context.Context, at place, head string, app int64) (newest []checkRunJSON, cut bool, err error) {
	query := url.Values{"filter": {"all"}}
	if app != 0 {
		query.Set("app_id", fmt.Sprint(app))
	}
	read := 0
	for page := 1; ; page++ {
		query.Set("per_page", fmt.Sprint(perPage))
		query.Set("page", fmt.Sprint(page))
		var list struct {
			Total int            `json:"total_count"`
			Runs  []checkRunJSON `json:"check_runs"`
		}
		if page > 1 {
			c.transport.budget++ // what others made must not use up what ours needs
		}
		if _, err := c.get(ctx, listCheckRuns, at.path("/commits/%s/check-runs", head), query, &list); err != nil {
			return nil, false, err
		}
		for _, run := range list.Runs {
			if _, ours := run.ours(); !ours || run.HeadSHA != head || app != 0 && run.App.ID != app {
				continue
			}
			i := slices.IndexFunc(newest, func(n checkRunJSON) bool { return n.App.ID == run.App.ID && n.Name == run.Name })
			switch {
			case i < 0:
				newest = append(newest, run)
			case newest[i].ID < run.ID:
				newest[i] = run
			}
		}
		if read += len(list.Runs); len(list.Runs) == 0 || read >= list.Total {
			return newest, false, nil
		}
		if page == maxRunPages {
			return newest, true, nil
		}
	}
}

// confirm notes on a check run that what it says was so when it was read last.
func (c *Client) confirm(ctx context.Context, at place, run checkRunJSON, want checkRun) error {
	if run.ExternalID == want.externalID(true) {
		return nil
	}
	options := github.UpdateCheckRunOptions{Name: want.name, ExternalID: github.String(want.externalID(true)), Status: github.String("completed"), Conclusion: &want.conclusion}
	return c.send(ctx, updateCheckRun, func(ctx context.Context) error {
		_, _, err := c.api.Checks.UpdateCheckRun(ctx, at.owner, at.name, run.ID, options)
		return err
	}, nil)
}

// output is the text of the check run with some of its annotations.
func (want checkRun) output(annotations []*github.CheckRunAnnotation) *github.CheckRunOutput {
	out := &github.CheckRunOutput{Title: &want.title, Summary: &want.summary, Annotations: annotations}
	if want.text != "" {
		out.Text = &want.text
	}
	return out
}

// chunked are the annotations of each request, of which there is at least one.
func chunked(annotations []*github.CheckRunAnnotation) [][]*github.CheckRunAnnotation {
	chunks := slices.Collect(slices.Chunk(annotations, perRequest))
	if len(chunks) == 0 {
		chunks = append(chunks, nil)
	}
	return chunks
}

// mark is the run's external id: only with the last request it says that the run is complete.
func (want checkRun) mark(last bool) *string { return github.String(want.externalID(last)) }

// create makes a new check run. Its conclusion is right from the first request on.
func (c *Client) create(ctx context.Context, at place, want checkRun, app int64) error {
	chunks := chunked(want.annotations)
	options := github.CreateCheckRunOptions{
		Name: want.name, HeadSHA: want.head, ExternalID: want.mark(len(chunks) == 1),
		Status: github.String("completed"), Conclusion: &want.conclusion, Output: want.output(chunks[0]),
	}
	if want.detailsURL != "" {
		options.DetailsURL = &want.detailsURL
	}
	var made checkRunJSON
	err := c.send(ctx, createCheckRun, func(ctx context.Context) error {
		run, _, err := c.api.Checks.CreateCheckRun(ctx, at.owner, at.name, options)
		if err == nil && (run.GetID() <= 0 || run.GetHeadSHA() != want.head) {
			err = fmt.Errorf("it made check run %d on %s", run.GetID(), inert.Quote(run.GetHeadSHA()))
		}
		if err == nil {
			made.ID, made.Output.Annotations = run.GetID(), len(chunks[0])
		}
		return err
	}, func() (bool, error) {
		runs, _, err := c.ourRuns(ctx, at, want.head, app)
		for _, run := range runs {
			if run.Name == want.name && run.ExternalID == *options.ExternalID && run.Conclusion == want.conclusion && run.Output.Annotations == len(chunks[0]) {
				made = run
				return true, nil
			}
		}
		return false, err
	})
	if err != nil {
		return err
	}
	return c.append(ctx, at, made, want, chunks[1:])
}

// update makes an existing check run what it shall be. GitHub only ever adds annotations to a check run,
// so those that it has are not sent again; those that hold no more stay, and the text rules.
func (c *Client) update(ctx context.Context, at place, run checkRunJSON, want checkRun) error {
	annotations := want.annotations
	if strings.HasSuffix(run.ExternalID, ":"+want.annotationsID[:16]) {
		annotations = nil
	} else if run.Output.Annotations > 0 {
		const note = "\n\nAnnotations on files that this report does not name are from an earlier result on the same commit.\n"
		want.text = shorten(want.text, MaxCheckText-len(note)) + note
	}
	return c.append(ctx, at, run, want, chunked(annotations))
}

// append sends annotations to a check run, a request for each chunk.
func (c *Client) append(ctx context.Context, at place, run checkRunJSON, want checkRun, chunks [][]*github.CheckRunAnnotation) error {
	has := run.Output.Annotations
	for i, chunk := range chunks {
		options := github.UpdateCheckRunOptions{
			Name: want.name, ExternalID: want.mark(i == len(chunks)-1),
			Status: github.String("completed"), Conclusion: &want.conclusion, Output: want.output(chunk),
		}
		if want.detailsURL != "" {
			options.DetailsURL = &want.detailsURL
		}
		do := func(ctx context.Context) error {
			_, _, err := c.api.Checks.UpdateCheckRun(ctx, at.owner, at.name, run.ID, options)
			return err
		}
		applied := func() (bool, error) {
			var now checkRunJSON
			_, err := c.get(ctx, listCheckRuns, at.path("/check-runs/%d", run.ID), nil, &now)
			return now.Output.Annotations == has+len(chunk) && now.ExternalID == *options.ExternalID, err
		}
		if len(chunk) == 0 {
			applied = nil // twice is the same as once
		}
		if err := c.send(ctx, updateCheckRun, do, applied); err != nil {
			return err
		}
		has += len(chunk)
	}
	return nil
}
