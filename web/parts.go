package web

// The small things that parts of a page are given; templates/parts.html shows
// how each is used.

// A Choice is one radio button, checkbox or item of a select.
type Choice struct {
	Value, Label, Hint string
	Checked, Disabled  bool
}

// A Crumb is one step of the way to a page; the last has no Href.
type Crumb struct{ Text, Href string }

// A Fact is one line of a definition list. Icon and Href may be empty.
type Fact struct{ Term, Text, Href string }

// A Step is one part of a task. State is "done", "current" or "todo".
type Step struct{ Title, Text, Href, State string }
