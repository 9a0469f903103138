package delegation_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/remit-sh/remit/delegation"
	dt "github.com/remit-sh/remit/delegation/delegationtest"
)

func TestBody(t *testing.T) {
	s := dt.SignStatement(t, dt.NewPullRequest("agent.coder"))
	comment := "<!-- remit:pull-request/v1 " + s.Text() + " -->"
	for name, tc := range map[string]struct{ body, want string }{
		"empty":               {"", comment + "\n"},
		"text":                {"Fixes *it*.", "Fixes *it*.\n\n" + comment + "\n"},
		"CRLF":                {"Fixes\r\nit.\r\n\r\n", "Fixes\r\nit.\n\n" + comment + "\n"},
		"other comments":      {"<!-- remit: pull-request/v1 --><!-- x -->", "<!-- remit: pull-request/v1 --><!-- x -->\n\n" + comment + "\n"},
		"mention":             {"as remit:pull-request/v1 says", "as remit:pull-request/v1 says\n\n" + comment + "\n"},
		"itself":              {comment, comment + "\n"},
		"itself amid text":    {"a\r\n\r\n" + comment + "\r\n\r\nb", "a\r\n\r\n\r\n\r\nb\n\n" + comment + "\n"},
		"an older one":        {"a\n\n<!-- remit:pull-request/v1 AAAA -->\n", "a\n\n" + comment + "\n"},
		"two":                 {"a" + comment + "b" + comment + "c", "abc\n\n" + comment + "\n"},
		"other version":       {"a <!--REMIT:pull-request/v9 x-->", "a\n\n" + comment + "\n"},
		"not closed":          {"a\n<!-- remit:pull-request/v1 AAAA\nb", "a\n\nb\n\n" + comment + "\n"},
		"not closed, at once": {"a\n<!--\nremit:pull-request/v1 AAAA\nb", "a\n\nremit:pull-request/v1 AAAA\nb\n\n" + comment + "\n"},
		"inside another":      {"<!-- x " + comment + " y", "<!-- x  y\n\n" + comment + "\n"},
		"around another":      {"a<!<!-- remit:pull-request/v1 x -->-- remit:pull-request/v1 y -->b", "ab\n\n" + comment + "\n"},
		"end of a comment":    {"<!--", "<!--\n\n" + comment + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := delegation.AddToBody(tc.body, s)
			if err != nil || got != tc.want {
				t.Fatalf("got %q, %v, want %q", got, err, tc.want)
			}
			for _, body := range []string{got, strings.ReplaceAll(got, "\n", "\r\n"), "before " + got + "behind"} {
				file, ok, err := delegation.FindInBody(body)
				if err != nil || !ok || !bytes.Equal(file, s.Marshal()) {
					t.Errorf("in %q: %q, %v, %v", body, file, ok, err)
				}
			}
			if again, err := delegation.AddToBody(got, s); err != nil || again != got {
				t.Errorf("added again: %q, %v", again, err)
			}
		})
	}
}

func TestBodyRefuses(t *testing.T) {
	s := dt.SignStatement(t, dt.NewPullRequest("agent.coder"))
	text := s.Text()
	comment := "<!-- remit:pull-request/v1 " + text + " -->"
	for name, tc := range map[string]struct{ body, want string }{
		"two":                    {comment + "\n" + comment, "two of them"},
		"two, one in code":       {"```\n" + comment + "\n```\n" + comment, "two of them"},
		"two, one malformed":     {comment + "\n<!--\tRemit:Pull-Request/", "two of them"},
		"two, one not closed":    {comment + "\n<!-- remit:pull-request/v1 " + text, "two of them"},
		"one inside the other":   {"<!-- remit:pull-request/v1 " + comment, "two of them"},
		"version 2":              {strings.Replace(comment, "v1", "v2", 1), "newer remit"},
		"version 10":             {strings.Replace(comment, "v1", "v10", 1), "newer remit"},
		"capitals":               {strings.Replace(comment, "remit", "Remit", 1), "must start"},
		"no space":               {strings.Replace(comment, "<!-- ", "<!--", 1), "must start"},
		"a line break":           {strings.Replace(comment, "<!-- ", "<!--\r\n", 1), "must start"},
		"two spaces":             {strings.Replace(comment, "v1 ", "v1  ", 1), "base64url"},
		"not closed":             {strings.TrimSuffix(comment, "-->"), "does not end"},
		"closed otherwise":       {strings.Replace(comment, " -->", " --!>", 1), "does not end"},
		"no space before end":    {strings.Replace(comment, " -->", "-->", 1), "does not end"},
		"nothing in it":          {"<!-- remit:pull-request/v1  -->", "base64url"},
		"the format's own words": {"<!-- remit:pull-request/v1 <base64url> -->", "base64url"},
		"broken lines":           {strings.Replace(comment, text, text[:76]+"\n"+text[76:], 1), "base64url"},
		"trailing data":          {strings.Replace(comment, text, text+" x", 1), "base64url"},
		"padding":                {strings.Replace(comment, text, text+"=", 1), "base64url"},
		"too long a body":        {comment + strings.Repeat(" ", delegation.MaxBodySize), "at most"},
		"too long a statement":   {strings.Replace(comment, text, strings.Repeat("A", 2*delegation.MaxSignedSize), 1), "at most"},
	} {
		t.Run(name, func(t *testing.T) {
			file, ok, err := delegation.FindInBody(tc.body)
			if !errors.Is(err, delegation.ErrCarrier) || !strings.Contains(err.Error(), tc.want) || ok || file != nil {
				t.Errorf("got %q, %v, %v; want an error with %q", file, ok, err, tc.want)
			}
		})
	}
	for _, body := range []string{"", "text", "remit:pull-request/v1 " + text, "<!-- remit:request/v1 x -->", "<!- remit:pull-request/v1 x -->", "<!---remit:pull-request/v1 x -->"} {
		if file, ok, err := delegation.FindInBody(body); ok || err != nil || file != nil {
			t.Errorf("%q: %q, %v", body, file, err)
		}
		if got := delegation.StripFromBody(body); got != body {
			t.Errorf("%q was stripped to %q", body, got)
		}
	}
}

func TestAddToBodyRefuses(t *testing.T) {
	s := dt.SignStatement(t, dt.NewPullRequest("agent.coder"))
	changed := *s
	changed.Statement.Head = dt.Base
	for name, tc := range map[string]struct {
		body string
		s    *delegation.Signed[delegation.PullRequest]
	}{
		"too long":       {strings.Repeat("x", delegation.MaxBodySize+1), s},
		"too long by it": {strings.Repeat("x", delegation.MaxBodySize-len(s.Text())-2), s},
		"not signed":     {"", &changed},
		"nothing":        {"", nil},
	} {
		if got, err := delegation.AddToBody(tc.body, tc.s); err == nil || got != "" {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	// The longest that fits.
	body := strings.Repeat("x", delegation.MaxBodySize-len("\n\n<!-- remit:pull-request/v1  -->\n")-len(s.Text()))
	got, err := delegation.AddToBody(body, s)
	if err != nil || len(got) != delegation.MaxBodySize {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, ok, err := delegation.FindInBody(got); !ok || err != nil {
		t.Error(err)
	}
}

// Bodies that are made to be slow to read or strip are read to the end.
func TestBodyBoundedWork(t *testing.T) {
	const (
		mark = "<!-- remit:pull-request/v1 x -->"
		size = delegation.MaxBodySize / 4
	)
	for name, body := range map[string]string{
		"openings":           strings.Repeat("<!--", size/4),
		"white space":        strings.Repeat("<!--"+strings.Repeat(" ", 1000), size/1004),
		"many":               strings.Repeat(mark, size/len(mark)),
		"many after text":    strings.Repeat("x", size/2) + strings.Repeat(mark, size/2/len(mark)),
		"many after a <":     "<" + strings.Repeat("x", size/2-1) + strings.Repeat(mark, size/2/len(mark)),
		"many after white":   "<!--" + strings.Repeat(" ", size/2-4) + strings.Repeat(mark, size/2/len(mark)),
		"one in the other":   strings.Repeat("<!", 2000) + mark + strings.Repeat("-- remit:pull-request/v1 x-->", 2000),
		"openings and marks": strings.Repeat("<!-- remit:pull-request/", size/24),
	} {
		if len(body) > size {
			t.Errorf("%s: %d bytes are more than meant", name, len(body))
		}
		_, _, _ = delegation.FindInBody(body)
		stripped := delegation.StripFromBody(body)
		if _, ok, err := delegation.FindInBody(stripped); ok || err != nil {
			t.Errorf("%s: something is left: %v", name, err)
		}
	}
}
