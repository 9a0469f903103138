package e2e

import "testing"

// A pull request inside the remit passes.
func TestCheckAllows(t *testing.T) {
	s := newShop(t, theRig(t))
	s.employ("agent/cart")
	head := s.commit("coder", "Add a cart", map[string]string{"src/cart/cart.go": "package cart\n\ntype Cart struct{}\n"})
	s.push("coder", "agent/cart")
	number := s.open("agent/cart", "Add a cart")

	o := s.act("check.yml", s.pull(number))
	o.want("allow", 0)
	if c := s.check(head); c.Status != "completed" || c.Conclusion != "success" {
		t.Errorf("the check run is %s, %s: %s", c.Status, c.Conclusion, c.Title)
	}
	if o.step("after") != "success" {
		t.Error("the step after the action did not run")
	}
}
