package forge

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-github/v62/github"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
)

const (
	maxDeployments = 100 // of an environment, the newest
	maxStatusText  = 140 // characters of a status's description
)

// Deployment is a deployment as the forge tells it now.
type Deployment struct {
	ID          int64
	Commit      string
	Ref         string // as whoever asked for it wrote it; untrusted
	Task        string
	Environment string // as written; environments are compared without case
	Payload     []byte // JSON, an object or a string; untrusted
	Creator     evidence.Account
	Created     time.Time // the forge's clock
}

// DeploymentStatus is one status of a deployment.
type DeploymentStatus struct {
	ID             int64 // when it is set: ignored
	State          string
	Description    string // untrusted; at most 140 characters are set
	Environment    string
	EnvironmentURL string
	LogURL         string
	Creator        evidence.Account // when it is set: ignored
	Created        time.Time        // when it is set: ignored
}

type deploymentJSON struct {
	ID          int64          `json:"id"`
	SHA         string         `json:"sha"`
	Ref         string         `json:"ref"`
	Task        string         `json:"task"`
	Environment string         `json:"environment"`
	Payload     jsontext.Value `json:"payload"`
	Creator     accountJSON    `json:"creator"`
	CreatedAt   time.Time      `json:"created_at"`
}

func (d deploymentJSON) deployment() (Deployment, error) {
	if d.ID <= 0 || !isCommit(d.SHA) || d.CreatedAt.IsZero() {
		return Deployment{}, fmt.Errorf("%w: deployment %d has the commit %s and was created at %v", ErrUnavailable, d.ID, inert.Quote(d.SHA), d.CreatedAt)
	}
	return Deployment{
		ID: d.ID, Commit: d.SHA, Ref: d.Ref, Task: d.Task, Environment: d.Environment,
		Payload: d.Payload, Creator: d.Creator.account(), Created: d.CreatedAt,
	}, nil
}

// Deployment reads one deployment.
func (c *Client) Deployment(ctx context.Context, repo string, id int64) (Deployment, error) {
	at, err := parseRepository(repo)
	if err != nil {
		return Deployment{}, err
	}
	var d deploymentJSON
	if _, err = c.get(ctx, readDeployment, at.path("/deployments/%d", id), nil, &d); err == nil && d.ID != id {
		err = fmt.Errorf("%w: it tells of deployment %d", ErrUnavailable, d.ID)
	}
	if err != nil {
		return Deployment{}, fmt.Errorf("deployment %d of %s: %w", id, at, err)
	}
	return d.deployment()
}

// Deployments are the newest deployments to an environment, the newest first and at most 100. complete
// says that there are no older ones. Which of them happened, their statuses tell.
func (c *Client) Deployments(ctx context.Context, repo, environment string) (list []Deployment, complete bool, err error) {
	at, err := parseRepository(repo)
	if err != nil {
		return nil, false, err
	}
	if environment == "" || environment == "none" { // GitHub takes "none" for any
		return nil, false, fmt.Errorf("%s is not an environment that can be asked for", inert.Quote(environment))
	}
	var items []deploymentJSON
	query := url.Values{"environment": {environment}, "per_page": {fmt.Sprint(maxDeployments)}}
	res, err := c.get(ctx, readDeployment, at.path("/deployments"), query, &items)
	if err != nil {
		return nil, false, fmt.Errorf("the deployments of %s to %s: %w", at, inert.Quote(environment), err)
	}
	for _, item := range items {
		d, err := item.deployment()
		if err != nil {
			return nil, false, err
		}
		list = append(list, d)
	}
	return list, res.NextPage == 0 && len(items) < maxDeployments, nil
}

// DeploymentStatuses are all statuses of a deployment, the newest first.
func (c *Client) DeploymentStatuses(ctx context.Context, repo string, id int64) ([]DeploymentStatus, error) {
	at, err := parseRepository(repo)
	if err != nil {
		return nil, err
	}
	items, err := list[struct {
		ID             int64       `json:"id"`
		State          string      `json:"state"`
		Description    string      `json:"description"`
		Environment    string      `json:"environment"`
		EnvironmentURL string      `json:"environment_url"`
		LogURL         string      `json:"log_url"`
		Creator        accountJSON `json:"creator"`
		CreatedAt      time.Time   `json:"created_at"`
	}](ctx, c, listStatuses, at.path("/deployments/%d/statuses", id), nil)
	if err != nil {
		return nil, fmt.Errorf("deployment %d of %s: %w", id, at, err)
	}
	var out []DeploymentStatus
	for _, s := range items {
		out = append(out, DeploymentStatus{
			ID: s.ID, State: s.State, Description: s.Description, Environment: s.Environment, EnvironmentURL: s.EnvironmentURL,
			LogURL: s.LogURL, Creator: s.Creator.account(), Created: s.CreatedAt,
		})
	}
	return out, nil
}

// SetDeploymentStatus adds a status to a deployment. GitHub's states are error, failure, inactive,
// in_progress, queued, pending and success.
func (c *Client) SetDeploymentStatus(ctx context.Context, repo string, id int64, s DeploymentStatus) error {
	at, err := parseRepository(repo)
	if err != nil {
		return err
	}
	s.Description = inert.CutCharacters(s.Description, maxStatusText)
	request := &github.DeploymentStatusRequest{State: &s.State}
	for to, text := range map[**string]string{
		&request.Description: s.Description, &request.Environment: s.Environment, &request.EnvironmentURL: s.EnvironmentURL, &request.LogURL: s.LogURL,
	} {
		if text != "" {
			*to = &text
		}
	}
	c.reserve(writeReserve)
	before, err := c.DeploymentStatuses(ctx, repo, id)
	if err != nil {
		return err
	}
	err = c.send(ctx, createStatus, func(ctx context.Context) error {
		made, _, err := c.api.Repositories.CreateDeploymentStatus(ctx, at.owner, at.name, id, request)
		if err == nil && (made.GetID() <= 0 || made.GetState() != s.State) {
			err = fmt.Errorf("it set the status %s", inert.Quote(made.GetState()))
		}
		return err
	}, func() (bool, error) {
		now, err := c.DeploymentStatuses(ctx, repo, id)
		return slices.ContainsFunc(now, func(n DeploymentStatus) bool {
			isNew := !slices.ContainsFunc(before, func(b DeploymentStatus) bool { return b.ID == n.ID })
			return isNew && n.State == s.State && n.Description == s.Description && n.LogURL == s.LogURL
		}), err
	})
	if err != nil {
		return fmt.Errorf("deployment %d of %s: %w", id, at, err)
	}
	return nil
}
