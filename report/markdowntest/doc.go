// Package markdowntest reads the Markdown of package report with a CommonMark parser. It is a module
// of its own, so that remit does not depend on that parser.
package markdowntest
