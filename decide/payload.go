package decide

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/remit-sh/remit/delegation"
)

const maxPayload = 1 << 20 // bytes of a deployment's payload; GitHub takes 64 KiB

// deployPayload is what of a deployment's payload is ours: {"remit": "<signed request>"}, and approvals
// with it, one a word. A payload that is a plain text is the request, or holds such an object.
func deployPayload(payload []byte) (request, approvals string, err error) {
	if len(payload) > maxPayload {
		return "", "", fmt.Errorf("it has more than %d bytes", maxPayload)
	}
	if len(payload) == 0 {
		return "", "", errors.New("it is empty")
	}
	if payload[0] == '"' {
		var text string
		if err := json.Unmarshal(payload, &text); err != nil {
			return "", "", err
		}
		if _, err := delegation.DecodeText(text); err == nil || len(text) == 0 || text[0] != '{' {
			return text, "", nil
		}
		payload = []byte(text)
	}
	var object struct {
		Remit     string `json:"remit"`
		Approvals string `json:"approvals"`
	}
	if err := json.Unmarshal(payload, &object); err != nil {
		return "", "", err
	}
	return object.Remit, object.Approvals, nil
}
