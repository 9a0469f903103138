package evidence

import "github.com/remit-sh/remit/names"

// WorkflowChange is what the workflow files of a tree say after a change, and what they said before.
type WorkflowChange struct {
	Head *Workflows
	// Base is nil where there is nothing to compare with: then all of Head is new.
	Base *Workflows
	// Changed are the paths of those files and actions, of either tree, whose content differs.
	Changed []string
	// Gaps is what could not be read of the trees themselves.
	Gaps []Gap
}

// WorkflowTree is a tree that is judged for its workflow files alone, whoever wrote them.
type WorkflowTree struct {
	WorkflowChange
	// As is the agent that is taken to have made the change, by its grants alone; "" for nobody.
	As names.Principal
	// Files are the paths that are judged; none: all.
	Files []string
}

// Reference is a name in an added line of some file that has the form of a secret's name.
type Reference struct {
	Commit string // id of the commit that adds it
	Path   string
	Line   int // from 1, in the commit's tree
	Column int // in characters, from 1
	Name   string
}
