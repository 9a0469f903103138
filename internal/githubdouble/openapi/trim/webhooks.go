package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/go-json-experiment/json"
)

// trimWebhooks keeps the examples and schemas of the events that the double makes, which its tests
// compare its payloads with. Both come from octokit/webhooks.
func trimWebhooks(list []string, examples, schemas string) (object, object, error) {
	wanted := map[string]bool{} // such as "pull-request-opened"
	for _, line := range list {
		if kind, name, _ := strings.Cut(strings.TrimSpace(line), " "); kind == "webhook" {
			wanted[name] = true
		}
	}
	var events []struct {
		Name     string   `json:"name"`
		Examples []object `json:"examples"`
	}
	if err := readJSON(examples, &events); err != nil {
		return nil, nil, err
	}
	keptExamples := object{}
	for _, event := range events {
		for _, example := range event.Examples {
			action, _ := example["action"].(string)
			name := strings.ReplaceAll(strings.TrimSuffix(event.Name+"_"+action, "_"), "_", "-")
			if wanted[name] {
				list, _ := keptExamples[name].([]object)
				keptExamples[name] = append(list, example)
			}
		}
	}
	var schema object
	if err := readJSON(schemas, &schema); err != nil {
		return nil, nil, err
	}
	from, kept := schema["definitions"].(object), object{}
	var keep func(any)
	keep = func(node any) {
		switch node := node.(type) {
		case object:
			if ref, ok := node["$ref"].(string); ok {
				name := strings.TrimPrefix(ref, "#/definitions/")
				if kept[name] == nil {
					kept[name] = from[name]
					keep(from[name])
				}
			}
			for _, value := range node {
				keep(value)
			}
		case []any:
			for _, value := range node {
				keep(value)
			}
		}
	}
	for name := range from {
		event, action, _ := strings.Cut(name, "$")
		if wanted[strings.ReplaceAll(strings.TrimSuffix(event+"_"+action, "_event"), "_", "-")] && strings.Contains(name, "$") {
			keep(object{"$ref": "#/definitions/" + name})
		}
	}
	return keptExamples, object{"$schema": schema["$schema"], "definitions": kept}, nil
}

func readJSON(file string, into any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	return nil
}
