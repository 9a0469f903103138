package evidence

// What a deploy gate is held against: what surrounds a job's first step, and what comes into the job
// after it. It is told of jobs that may have an environment, and of what they call and need.

// Fetched is one place at which a step gets something that the commit in the work tree did not bring.
type Fetched struct {
	Kind FetchedKind
	Text string // the command, the action or the address, as written. Untrusted
	At   Place
	// Repository is "owner/name", lower case, where the text names one plainly; "" where it does not.
	Repository string
	// Name is the artifact's, "" for all of them or one that is not known. Of an image it is what the text
	// calls it by, with its expressions as written, "" where that is not known.
	Name string
	// Elsewhere says that it is of another run, or that this may be.
	Elsewhere bool
	// Cloned says that it is a whole repository, whatever its default branch or another one is then.
	Cloned bool
	// Reads are the expressions that the text has in it, in the terms of the job.
	Reads []string
}

// FetchedKind says what is got.
type FetchedKind uint8

// The kinds. The zero value is the worst.
const (
	FetchedCode     FetchedKind = iota // files of a repository
	FetchedArtifact                    // what a job, of this run or another, has stored
	FetchedCache                       // what some run has put into the forge's cache
	FetchedImage                       // a container image that is not named by its digest
)
