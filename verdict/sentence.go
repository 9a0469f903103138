package verdict

import "fmt"

// Sentence is something that is said beside a report: ours, without a full stop, with a %s for each text
// that may be somebody else's. The zero value says nothing.
type Sentence struct {
	Format string
	Texts  []string
}

// IsZero reports whether the sentence says nothing.
func (s Sentence) IsZero() bool { return s.Format == "" }

// Show is the sentence with its texts made fit for where it will stand.
func (s Sentence) Show(fit func(string) string) string {
	texts := make([]any, len(s.Texts))
	for i, t := range s.Texts {
		texts[i] = fit(t)
	}
	return fmt.Sprintf(s.Format, texts...)
}
