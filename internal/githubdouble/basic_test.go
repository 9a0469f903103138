package githubdouble

import "testing"

func TestX(t *testing.T) {
	c, err := description()
	if err != nil {
		t.Fatal(err)
	}
	t.Log(len(c.routes))
}
