// Command trim cuts GitHub's API description down to the operations and webhooks that the double
// serves and to the components that these reach. The same input gives the same bytes.
//
//	npm pack @octokit/openapi && tar xzf octokit-openapi-*.tgz package/generated/api.github.com.json
//	go run ./openapi/trim -in package/generated/api.github.com.json
//
// It does the same for the examples and schemas of webhooks that tests compare payloads with:
//
//	npm pack @octokit/webhooks-examples @octokit/webhooks-schemas
//	tar xzf octokit-webhooks-examples-*.tgz && tar xzf octokit-webhooks-schemas-*.tgz
//	go run ./openapi/trim -examples package/api.github.com/index.json -schemas package/schema.json
package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/go-json-experiment/json"
)

type object = map[string]any

func main() {
	in := flag.String("in", "", "the description, as @octokit/openapi ships it")
	ops := flag.String("ops", "openapi/ops.txt", "what to keep, one \"method path\" or \"webhook name\" a line")
	examples := flag.String("examples", "", "index.json of @octokit/webhooks-examples")
	schemas := flag.String("schemas", "", "schema.json of @octokit/webhooks-schemas")
	flag.Parse()
	if err := run(*in, *ops, *examples, *schemas); err != nil {
		fmt.Fprintln(os.Stderr, "trim:", err)
		os.Exit(1)
	}
}

func run(in, ops, examples, schemas string) error {
	list, err := os.ReadFile(ops)
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(list)), "\n")
	if in != "" {
		var description object
		if err := readJSON(in, &description); err != nil {
			return err
		}
		trimmed, err := trim(description, lines)
		if err != nil {
			return err
		}
		if err := pack("openapi/github.json.gz", trimmed); err != nil {
			return err
		}
	}
	if examples == "" {
		return nil
	}
	keptExamples, keptSchemas, err := trimWebhooks(lines, examples, schemas)
	if err != nil {
		return err
	}
	return errors.Join(pack("testdata/webhook-examples.json.gz", keptExamples), pack("testdata/webhook-schemas.json.gz", keptSchemas))
}

// pack writes a value as JSON, packed, without a time in it.
func pack(file string, value any) error {
	text, err := json.Marshal(value, json.Deterministic(true))
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(text); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "trim: %s: %d bytes, %d packed\n", file, len(text), packed.Len())
	return os.WriteFile(file, packed.Bytes(), 0o600)
}

// trim returns what the lines name, with the components that it reaches.
func trim(description object, lines []string) (object, error) {
	t := trimmer{from: description["components"].(object), kept: object{}}
	paths, webhooks := object{}, object{}
	for _, line := range lines {
		kind, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		from, to, key := "paths", paths, kind
		if kind == "webhook" {
			from, to, key = "x-webhooks", webhooks, "post"
		}
		item, _ := description[from].(object)[name].(object)
		operation, ok := item[key].(object)
		if !ok {
			return nil, fmt.Errorf("the description has no %s %s", kind, name)
		}
		if to[name] == nil {
			to[name] = object{}
		}
		to[name].(object)[key] = operation
		t.keep(operation)
	}
	info := description["info"].(object)
	return object{
		"openapi": description["openapi"],
		"info": object{
			"title": "GitHub REST API, trimmed", "version": info["version"], "license": info["license"],
			"description": "Cut from api.github.com.json of the npm package @octokit/openapi by openapi/trim; no descriptions.",
		},
		"paths": paths, "x-webhooks": webhooks, "components": t.kept,
	}, nil
}

type trimmer struct{ from, kept object }

// keep drops the prose of a node and brings along the components that the node refers to.
func (t trimmer) keep(node any) {
	switch node := node.(type) {
	case object:
		if ref, ok := node["$ref"].(string); ok {
			t.component(ref)
			return
		}
		for key, value := range node {
			_, text := value.(string)
			switch {
			case key == "externalDocs", key == "x-github", key == "x-octokit", key == "tags" && node["operationId"] != nil,
				key == "description" && text && !required(node), key == "summary" && text && node["operationId"] != nil:
				delete(node, key)
			case key == "example": // somebody's data, no schema
			case key == "examples":
				t.examples(value)
			case key == "properties": // member names are not keywords
				for _, schema := range value.(object) {
					t.keep(schema)
				}
			default:
				t.keep(value)
			}
		}
	case []any:
		for _, value := range node {
			t.keep(value)
		}
	}
}

// required tells whether OpenAPI asks for a description here: responses must have one.
func required(node object) bool {
	return node["content"] != nil || node["headers"] != nil || (node["type"] == nil && node["schema"] == nil && len(node) == 1)
}

func (t trimmer) component(ref string) {
	kind, name, _ := strings.Cut(strings.TrimPrefix(ref, "#/components/"), "/")
	if t.kept[kind] == nil {
		t.kept[kind] = object{}
	}
	kept := t.kept[kind].(object)
	if kept[name] != nil {
		return
	}
	kept[name] = t.from[kind].(object)[name]
	if kind != "examples" {
		t.keep(kept[name])
	}
}

// examples brings along those that are components, and leaves their data alone.
func (t trimmer) examples(node any) {
	named, _ := node.(object)
	for _, example := range named {
		if ref, ok := example.(object)["$ref"].(string); ok {
			t.component(ref)
		}
	}
}
