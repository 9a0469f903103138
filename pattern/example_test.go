package pattern_test

import (
	"fmt"

	"github.com/remit-sh/remit/pattern"
)

// A grant over src is asked about paths. "**" stands for what is inside, not for src itself.
func ExamplePattern_Match() {
	source, err := pattern.ParsePath("src/**")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, path := range []string{"src/pay/card.go", "src", "SRC/pay.go", "lib/src/pay.go", "src//pay.go"} {
		fmt.Println(path, source.Match(path))
	}

	// Refs are full names; what does not begin with refs/ is a branch.
	agents, err := pattern.ParseRef("agent/*")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(agents.Match("refs/heads/agent/pay"), agents.Match("refs/tags/agent/pay"), agents.Match("refs/heads/agent/pay/2"))
	// Output:
	// src/pay/card.go true
	// src false
	// SRC/pay.go false
	// lib/src/pay.go false
	// src//pay.go false
	// true false false
}

// Before a scope is passed on, it is compared with the one that it is part of.
func ExamplePattern_Covers() {
	given, err := pattern.ParsePath("src/**")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, text := range []string{"src/pay/*.go", "**/*.go", "docs/**"} {
		asked, err := pattern.ParsePath(text)
		if err != nil {
			fmt.Println(err)
			return
		}
		switch {
		case given.Covers(asked):
			fmt.Println(asked, "is part of", given)
		case given.Disjoint(asked):
			fmt.Println(asked, "has nothing in common with", given)
		default:
			fmt.Println(asked, "reaches beyond", given)
		}
	}

	// The dialect is small on purpose, so that what it means is the same to all who read it.
	_, err = pattern.ParsePath("{src,test}/**")
	fmt.Println(err)
	// Output:
	// src/pay/*.go is part of src/**
	// **/*.go reaches beyond src/**
	// docs/** has nothing in common with src/**
	// the pattern "{src,test}/**" has a brace: alternatives are not supported, so write one pattern for each
}
