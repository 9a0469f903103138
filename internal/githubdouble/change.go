package githubdouble

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Change lets a test change anything at once. What f leaves out is filled in as by [New].
func (d *Double) Change(f func(*Scenario)) {
	d.must(d.change(func(s *Scenario) error {
		f(s)
		return nil
	}))
}

// change applies f to the state, or leaves all as it was.
func (d *Double) change(f func(*Scenario) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	before, err := d.state.clone()
	if err != nil {
		return err
	}
	after, err := d.state.clone()
	if err != nil {
		return err
	}
	if err := f(after); err != nil {
		return err
	}
	if err := d.complete(after); err != nil {
		return err
	}
	d.remember(before)
	d.state = after
	return nil
}

// remember keeps an older state for stale reads.
func (d *Double) remember(s *Scenario) {
	d.history = append(d.history, s)
	if len(d.history) > maxHistory {
		d.history = d.history[1:]
	}
}

// must fails the test, or records a failure where there is none, over a change that cannot be.
func (d *Double) must(err error) {
	if err == nil {
		return
	}
	if d.tb != nil {
		d.tb.Helper()
		d.tb.Fatalf("githubdouble: %v", err)
		return
	}
	d.fail("%v", err)
}

// onRepository changes one repository.
func (d *Double) onRepository(name string, f func(*Scenario, *Repository) error) error {
	return d.change(func(s *Scenario) error {
		r := s.repository(name)
		if r == nil {
			return fmt.Errorf("no repository is called %q", name)
		}
		if err := d.absorbAll(s); err != nil {
			return err
		}
		return f(s, r)
	})
}

// onPull changes one pull request.
func (d *Double) onPull(repository string, number int, f func(*Scenario, *Repository, *PullRequest) error) error {
	return d.onRepository(repository, func(s *Scenario, r *Repository) error {
		p := r.pull(number)
		if p == nil {
			return fmt.Errorf("%s has no pull request %d", repository, number)
		}
		return f(s, r, p)
	})
}

// Push moves a ref, given by full name, onto a commit: "" deletes it, and a ref that is not there is
// created. The activity log gets an entry, and open pull requests of that branch a new head. commits
// are the new ones, the oldest first: by default the one pushed. A bare repository must have the
// objects already.
func (d *Double) Push(repository, ref, sha, actor string, commits ...string) {
	d.must(d.push(repository, ref, sha, actor, false, commits))
}

// ForcePush is like Push, for a commit that does not descend from the ref's. commits are then all of
// the branch's own.
func (d *Double) ForcePush(repository, ref, sha, actor string, commits ...string) {
	d.must(d.push(repository, ref, sha, actor, true, commits))
}

func (d *Double) push(repository, ref, sha, actor string, forced bool, commits []string) error {
	return d.onRepository(repository, func(s *Scenario, r *Repository) error {
		if !strings.HasPrefix(ref, "refs/") || sha != "" && !isSHA(sha) {
			return fmt.Errorf("push of %q to %q: want a full ref name and 40 hexadecimal digits", sha, ref)
		}
		if r.Refs[ref] == sha {
			return fmt.Errorf("push to %s: it is at %q already", ref, sha)
		}
		before := r.Refs[ref]
		if err := setRef(r, ref, sha); err != nil {
			return err
		}
		d.move(s, r, Activity{Ref: ref, Before: before, After: sha, Actor: actor}, forced, commits)
		return nil
	})
}

// move does what follows from a moved ref: the log, and the heads of pull requests.
func (d *Double) move(s *Scenario, r *Repository, a Activity, forced bool, commits []string) {
	if a.After == "" {
		delete(r.Refs, a.Ref)
	} else {
		r.Refs[a.Ref] = a.After
	}
	branch, isBranch := strings.CutPrefix(a.Ref, "refs/heads/")
	if !isBranch {
		return // the log is about branches
	}
	orDefault(&a.Type, activityType(a.Before, a.After, forced))
	d.assign(&a.ID)
	d.stamp(&a.Timestamp)
	r.Activity = append(r.Activity, &a)
	if a.After == "" {
		return
	}
	for _, base := range s.Repositories {
		for _, p := range base.PullRequests {
			if p.State == "open" && p.HeadRef == branch && s.head(base, p) == r && p.HeadSHA != a.After {
				d.moveHead(s, base, p, a, forced, commits)
			}
		}
	}
}

func (d *Double) moveHead(s *Scenario, base *Repository, p *PullRequest, a Activity, forced bool, commits []string) {
	p.HeadSHA, p.UpdatedAt = a.After, a.Timestamp
	if base.GitDir == "" {
		if len(commits) == 0 {
			commits = []string{a.After}
		}
		if forced {
			p.Commits = nil
		}
		p.Commits = append(slices.Clone(p.Commits), commits...)
	}
	if forced {
		d.note(p, Event{Event: "head_ref_force_pushed", Actor: a.Actor, CommitID: a.After})
	}
	if err := d.publishPull(s, base, p); err != nil {
		d.failures = append(d.failures, err.Error())
	}
}

// Review adds a review to a pull request and returns its id. By default it is of the head, and now.
func (d *Double) Review(repository string, number int, v Review) int64 {
	id, err := d.review(repository, number, v)
	d.must(err)
	return id
}

func (d *Double) review(repository string, number int, v Review) (int64, error) {
	err := d.onPull(repository, number, func(_ *Scenario, _ *Repository, p *PullRequest) error {
		if !slices.Contains([]string{"APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED", "PENDING"}, v.State) {
			return fmt.Errorf("a review has no state %q", v.State)
		}
		d.assign(&v.ID)
		d.stamp(&v.SubmittedAt)
		orDefault(&v.CommitID, p.HeadSHA)
		p.Reviews = append(p.Reviews, &v)
		return nil
	})
	return v.ID, err
}

// Dismiss dismisses a review: it keeps its place and its commit, and its state becomes DISMISSED.
func (d *Double) Dismiss(repository string, number int, review int64, actor, message string) {
	d.must(d.dismiss(repository, number, review, actor, message))
}

func (d *Double) dismiss(repository string, number int, review int64, actor, message string) error {
	return d.onPull(repository, number, func(_ *Scenario, _ *Repository, p *PullRequest) error {
		v := find(p.Reviews, func(v *Review) bool { return v.ID == review })
		if v == nil || v.State == "COMMENTED" || v.State == "DISMISSED" {
			return fmt.Errorf("pull request %d has no review %d that can be dismissed", number, review)
		}
		d.note(p, Event{Event: "review_dismissed", Actor: actor, Review: review, DismissedState: strings.ToLower(v.State), Body: message})
		v.State = "DISMISSED"
		return nil
	})
}

// Retarget changes the base branch of a pull request.
func (d *Double) Retarget(repository string, number int, base, actor string) {
	d.must(d.changeBase(repository, number, base, actor))
}

func (d *Double) changeBase(repository string, number int, base, actor string) error {
	return d.onPull(repository, number, func(_ *Scenario, r *Repository, p *PullRequest) error {
		if r.Refs["refs/heads/"+base] == "" || p.BaseRef == base || p.State != "open" {
			return fmt.Errorf("pull request %d cannot be retargeted to %q", number, base)
		}
		d.retarget(r, p, base, actor)
		return nil
	})
}

// Merge merges a pull request with a merge commit, or with whatever commit sha is. Where there is a
// bare repository, sha may be "": then the commit is made.
func (d *Double) Merge(repository string, number int, actor, sha string) {
	d.must(d.merge(repository, number, actor, sha))
}

func (d *Double) merge(repository string, number int, actor, sha string) error {
	return d.onPull(repository, number, func(s *Scenario, r *Repository, p *PullRequest) error {
		base := "refs/heads/" + p.BaseRef
		who := s.user(actor)
		if p.State != "open" || who == nil {
			return fmt.Errorf("pull request %d is %s, or nobody is called %q", number, p.State, actor)
		}
		if sha == "" && r.GitDir != "" {
			var err error
			if sha, err = mergeInGit(r, p, r.Refs[base], who, d.now()); err != nil {
				return err
			}
		}
		if !isSHA(sha) {
			return fmt.Errorf("merging pull request %d: want the merge commit, not %q", number, sha)
		}
		if len(p.Commits) == 0 {
			p.Commits = d.commits(r, p) // before its base has them
		}
		p.State, p.MergedBy, p.MergeCommitSHA = "closed", actor, sha
		p.MergedAt, p.ClosedAt, p.UpdatedAt = d.now(), d.now(), d.now()
		d.note(p, Event{Event: "merged", Actor: actor, CommitID: sha})
		d.note(p, Event{Event: "closed", Actor: actor, CommitID: sha})
		before := r.Refs[base]
		if err := setRef(r, base, sha); err != nil {
			return err
		}
		d.move(s, r, Activity{Ref: base, Before: before, After: sha, Actor: actor, Type: "pr_merge"}, false, nil)
		return nil
	})
}

// SetState closes or reopens a pull request: state is "closed" or "open".
func (d *Double) SetState(repository string, number int, state, actor string) {
	d.must(d.changeState(repository, number, state, actor))
}

func (d *Double) changeState(repository string, number int, state, actor string) error {
	return d.onPull(repository, number, func(_ *Scenario, _ *Repository, p *PullRequest) error {
		if p.State == state || !p.MergedAt.IsZero() || state != "open" && state != "closed" {
			return fmt.Errorf("pull request %d is %s and cannot become %q", number, p.State, state)
		}
		d.setState(p, state, actor)
		return nil
	})
}

// OpenPull opens a pull request and returns its number, by default the next.
func (d *Double) OpenPull(repository string, p PullRequest) int {
	made, err := d.openPull(repository, p)
	d.must(err)
	return made
}

func (d *Double) openPull(repository string, p PullRequest) (int, error) {
	err := d.onRepository(repository, func(_ *Scenario, r *Repository) error {
		for _, other := range r.PullRequests {
			if p.Number == 0 || other.Number == p.Number {
				p.Number = other.Number + 1
			}
		}
		p.Number = max(p.Number, 1)
		r.PullRequests = append(r.PullRequests, &p)
		return nil
	})
	return p.Number, err
}

// Comment writes a comment under a pull request.
func (d *Double) Comment(repository string, number int, actor, body string) {
	d.must(d.comment(repository, number, actor, body))
}

func (d *Double) comment(repository string, number int, actor, body string) error {
	return d.onPull(repository, number, func(_ *Scenario, _ *Repository, p *PullRequest) error {
		d.note(p, Event{Event: "commented", Actor: actor, Body: body})
		return nil
	})
}

// Deploy adds a deployment and returns its id.
func (d *Double) Deploy(repository string, v Deployment) int64 {
	made, err := d.deploy(repository, v)
	d.must(err)
	return made
}

func (d *Double) deploy(repository string, v Deployment) (int64, error) {
	err := d.onRepository(repository, func(_ *Scenario, r *Repository) error {
		d.assign(&v.ID)
		r.Deployments = append(r.Deployments, &v)
		return nil
	})
	return v.ID, err
}

// AddRun adds a run of a workflow and returns its id.
func (d *Double) AddRun(repository string, w WorkflowRun) int64 {
	made, err := d.addRun(repository, w)
	d.must(err)
	return made
}

func (d *Double) addRun(repository string, w WorkflowRun) (int64, error) {
	err := d.onRepository(repository, func(_ *Scenario, r *Repository) error {
		d.assign(&w.ID)
		r.Runs = append(r.Runs, &w)
		return nil
	})
	return w.ID, err
}

// Rename gives an account another login; its id stays. The old login is free then.
func (d *Double) Rename(login, to string) { d.must(d.rename(login, to)) }

func (d *Double) rename(login, to string) error {
	return d.change(func(s *Scenario) error {
		u := s.user(login)
		if u == nil || s.user(to) != nil {
			return fmt.Errorf("%q cannot be renamed to %q: the one must be an account and the other not", login, to)
		}
		s.eachLogin(func(l *string) {
			if strings.EqualFold(*l, login) {
				*l = to
			}
		})
		for _, r := range s.Repositories {
			if strings.EqualFold(r.owner(), login) {
				return errors.New("the double renames no accounts that own repositories")
			}
		}
		u.Login = to
		return nil
	})
}

// RenameRepository gives a repository another name; the old one redirects until it is taken.
func (d *Double) RenameRepository(name, to string) { d.must(d.renameRepository(name, to)) }

func (d *Double) renameRepository(name, to string) error {
	return d.onRepository(name, func(s *Scenario, r *Repository) error {
		if s.repository(to) != nil {
			return fmt.Errorf("there is a repository %q", to)
		}
		for _, other := range s.Repositories {
			if strings.EqualFold(other.ForkOf, r.Name) {
				other.ForkOf = to
			}
			for _, p := range other.PullRequests {
				if strings.EqualFold(p.HeadRepo, r.Name) {
					p.HeadRepo = to
				}
			}
		}
		r.FormerNames = append(r.FormerNames, r.Name)
		r.Name = to
		return nil
	})
}

// SetRole gives an account a role in a repository; "" takes it away.
func (d *Double) SetRole(repository, login, role string) { d.must(d.setRole(repository, login, role)) }

func (d *Double) setRole(repository, login, role string) error {
	return d.onRepository(repository, func(_ *Scenario, r *Repository) error {
		for who := range r.Roles {
			if strings.EqualFold(who, login) {
				delete(r.Roles, who)
			}
		}
		if role == "" {
			return nil
		}
		if r.Roles == nil {
			r.Roles = map[string]string{}
		}
		r.Roles[login] = role
		return nil
	})
}

// AddMember adds an account to a team.
func (d *Double) AddMember(org, slug string, m Member) { d.must(d.addMember(org, slug, m)) }

func (d *Double) addMember(org, slug string, m Member) error {
	return d.onTeam(org, slug, func(t *Team) { t.Members = append(t.Members, &m) })
}

// RemoveMember takes an account out of a team.
func (d *Double) RemoveMember(org, slug, login string) { d.must(d.removeMember(org, slug, login)) }

func (d *Double) removeMember(org, slug, login string) error {
	return d.onTeam(org, slug, func(t *Team) {
		t.Members = slices.DeleteFunc(t.Members, func(m *Member) bool { return strings.EqualFold(m.Login, login) })
	})
}

func (d *Double) onTeam(org, slug string, f func(*Team)) error {
	return d.change(func(s *Scenario) error {
		t := s.team(org, slug)
		if t == nil {
			return fmt.Errorf("no team is called %s/%s", org, slug)
		}
		f(t)
		return nil
	})
}
