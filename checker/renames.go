package checker

import (
	"slices"

	"github.com/remit-sh/remit/evidence"
)

// A workflow file or a job that gets another name, and of which not a byte differs besides, is the one
// that it was: what it may do is not new. One of which anything differs is held against nothing, as if
// there had been none before.

// renamed is the base of a change in which files and jobs that were renamed have the names of the head.
func renamed(c *evidence.WorkflowChange) *evidence.Workflows {
	if c.Base == nil || c.Head == nil {
		return c.Base
	}
	files := renamedFiles(c.Base.Files, c.Head.Files)
	jobs := renamedJobs(c.Base, c.Head, files)
	if len(files)+len(jobs) == 0 {
		return c.Base
	}
	as := func(p *evidence.Place) {
		if to, ok := files[p.File]; ok {
			p.File = to
		}
	}
	out := *c.Base
	out.Files, out.Jobs, out.Problems = slices.Clone(out.Files), slices.Clone(out.Jobs), slices.Clone(out.Problems)
	for i := range out.Files {
		if to, ok := files[out.Files[i].Path]; ok {
			out.Files[i].Path = to
		}
	}
	for i := range out.Jobs {
		job := &out.Jobs[i]
		to, ok := jobs[jobRef{job.File, job.ID}]
		if file, moved := files[job.File]; moved {
			job.File = file
		}
		if ok {
			job.ID = to.id
		}
		job.Needs = slices.Clone(job.Needs)
		for k, need := range job.Needs {
			if to, ok := jobs[jobRef{c.Base.Jobs[i].File, need}]; ok {
				job.Needs[k] = to.id
			}
		}
		as(&job.At)
	}
	for i := range out.Problems {
		as(&out.Problems[i].At)
	}
	return &out
}

// renamedFiles are the new paths, by the old ones, of files that are gone and stand elsewhere unchanged.
func renamedFiles(before, now []evidence.WorkflowFile) map[string]string {
	gone := map[string]string{} // path by content
	is := map[string]bool{}
	for i := range now {
		is[now[i].Path] = true
	}
	was := map[string]bool{}
	for i := range before {
		f := &before[i]
		was[f.Path] = true
		if !is[f.Path] && f.Content != "" {
			gone[f.Content] = f.Path
		}
	}
	if len(gone) == 0 {
		return nil
	}
	to := map[string]string{}
	for i := range now {
		f := &now[i]
		if old, ok := gone[f.Content]; ok && !was[f.Path] {
			to[old] = f.Path
			delete(gone, f.Content) // a copy of it is new
		}
	}
	return to
}

// renamedJobs are the same for jobs, by file and id as they were. Each stands for one.
func renamedJobs(before, now *evidence.Workflows, files map[string]string) map[jobRef]jobRef {
	type content struct{ file, bytes string }
	is := map[jobRef]bool{}
	for i := range now.Jobs {
		is[jobRef{now.Jobs[i].File, now.Jobs[i].ID}] = true
	}
	was := map[jobRef]bool{}
	gone := map[content]jobRef{}
	for i := range before.Jobs {
		job := &before.Jobs[i]
		file := job.File
		if to, ok := files[file]; ok {
			file = to
		}
		was[jobRef{file, job.ID}] = true
		if job.Content != "" && !is[jobRef{file, job.ID}] {
			gone[content{file, job.Content}] = jobRef{job.File, job.ID}
		}
	}
	if len(gone) == 0 {
		return nil
	}
	to := map[jobRef]jobRef{}
	for i := range now.Jobs {
		job := &now.Jobs[i]
		key := content{job.File, job.Content}
		if old, ok := gone[key]; ok && !was[jobRef{job.File, job.ID}] {
			to[old] = jobRef{job.File, job.ID}
			delete(gone, key)
		}
	}
	return to
}
