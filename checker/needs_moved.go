package checker

import (
	"math/big"
	"slices"
	"strings"

	"github.com/remit-sh/remit/evidence"
	"github.com/remit-sh/remit/inert"
)

// What a job waits for is what keeps it from running where that fails.

// waiting is what the jobs of a tree wait for, with what that waits for in turn.
type waiting struct {
	needs map[jobRef][]string // of each job, and of each that calls a workflow, ids in lower case
	all   map[jobRef]*big.Int // the bits of the jobs, by number
	index map[jobRef]int
	refs  []jobRef
	// lets says why a job lets those go on that need it though it, or what it needs, failed.
	lets map[jobRef]string
}

func waitingOf(w *evidence.Workflows) *waiting {
	all := &waiting{needs: map[jobRef][]string{}, all: map[jobRef]*big.Int{}, index: map[jobRef]int{}, lets: map[jobRef]string{}}
	for i := range w.Jobs {
		job := &w.Jobs[i]
		if why := letsOn(job); why != "" {
			all.lets[refOf(job.File, job.ID)] = why
		}
		for frame := range len(job.Calls) + 1 {
			here := inFrame(job, frame)
			ref := refOf(job.File, here.ID)
			if _, ok := all.needs[ref]; ok {
				continue
			}
			beside := ref.id[:strings.LastIndexByte(ref.id, '/')+1]
			needs := make([]string, 0, len(here.Needs))
			for _, n := range here.Needs {
				needs = append(needs, beside+strings.ToLower(n))
			}
			all.needs[ref] = needs
		}
	}
	return all
}

// letsOn says why those go on that need a job, though it failed or what it needs did; "" where they do not.
func letsOn(job *evidence.WorkflowJob) string {
	if slices.ContainsFunc(job.Cases, func(c evidence.JobCase) bool { return c.ContinueOnError != evidence.No }) {
		return "it counts as done when it fails (continue-on-error)"
	}
	if len(job.Needs) > 0 && !slices.Contains(job.Guards, "success()") {
		return "it runs after what it needs has failed"
	}
	return ""
}

func refOf(file, id string) jobRef { return jobRef{file, strings.ToLower(id)} }

// bits are those of all jobs that one waits for.
func (w *waiting) bits(ref jobRef) *big.Int {
	if b := w.all[ref]; b != nil {
		return b
	}
	b := new(big.Int)
	w.all[ref] = b // what waits for itself ends here
	for _, n := range w.needs[ref] {
		need := jobRef{ref.file, n}
		k, ok := w.index[need]
		if !ok {
			k = len(w.refs)
			w.index[need], w.refs = k, append(w.refs, need)
		}
		b.SetBit(b, k, 1)
		b.Or(b, w.bits(need))
	}
	return b
}

// of lists the jobs that one waits for, sorted.
func (w *waiting) of(ref jobRef) []string {
	var list []string
	b := w.bits(ref)
	for k := range b.BitLen() {
		if b.Bit(k) == 1 {
			list = append(list, w.refs[k].id)
		}
	}
	slices.Sort(list)
	return list
}

// needTakenOff: a job no longer waits for another, or one that calls it does not, by itself or by what it
// needs. One that is gone may have another in its place.
func (a *act) needTakenOff(job *evidence.WorkflowJob, base, head *waiting) []flaw {
	for frame := range len(job.Calls) + 1 {
		here := inFrame(job, frame)
		ref := refOf(job.File, here.ID)
		now, fresh, gone := head.of(ref), 0, 0
		for _, n := range now {
			if _, was := base.needs[jobRef{job.File, n}]; !was {
				fresh++
			}
		}
		var milder []flaw
		for _, n := range base.of(ref) {
			name := n[strings.LastIndexByte(n, '/')+1:]
			if _, still := slices.BinarySearch(now, n); still {
				if why := head.lets[jobRef{job.File, n}]; why != "" && base.lets[jobRef{job.File, n}] == "" {
					f := a.widened(job.At, job, jobName(here)+" no longer waits for "+inert.Word(name)+" to succeed",
						"It needs "+inert.Word(name)+", and since this change "+why+".",
						"Leave "+inert.Word(name)+" as strict as it was, or have a human make this change.")
					f.what = "needs"
					return []flaw{f.of(job, "needs", n)}
				}
				continue
			}
			f := a.widened(job.At, job, jobName(here)+" no longer waits for "+inert.Word(name),
				"Before this change it needed "+inert.Word(name)+", and did not run where that failed.",
				"Leave it in `needs`, or have a human make this change.")
			f.what = "needs"
			f = f.of(job, "needs", n)
			_, is := head.needs[jobRef{job.File, n}]
			if gone++; is || gone > fresh {
				return []flaw{f}
			}
			f.warn() // another name of it, perhaps
			f.Reason += " That job is gone, and a new one is in its place."
			f.Fix = "Look whether the new job does what the other did. Nothing else is left to do."
			milder = append(milder, f)
		}
		if len(milder) > 0 {
			return milder
		}
	}
	return nil
}
