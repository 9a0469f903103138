// Command empty does nothing: what it costs is what any Go process costs.
package main

func main() {}
