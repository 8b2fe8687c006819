package c2s

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"viche/actors"
	"viche/federation"
	"viche/federation/ap"
	"viche/modules/blogs"
)

const me = "https://lviv.test/users/olena"

func reader() (*API, blogs.Writer) {
	a := &API{Options: Options{Base: "https://lviv.test", Federation: &federation.City{Options: federation.Options{Base: "https://lviv.test"}}}}
	return a, blogs.Writer{Actor: actors.Actor{URI: me, Followers: me + "/followers"}}
}

// TestWhatPubYields holds what the library makes of a client's document: bare
// objects become a Create, addressees are copied, ids of the client's own choice
// go, and nothing that our own reader sees is lost.
func TestWhatPubYields(t *testing.T) {
	t.Parallel()
	a, w := reader()
	for name, one := range map[string]struct {
		body, kind, object string
	}{
		"a bare Note":          {`{"@context":"https://www.w3.org/ns/activitystreams","type":"Note","content":"<p>a</p>","to":["` + ap.Public + `"],"cc":["` + me + `/followers"]}`, "Create", "Note"},
		"without context":      {`{"type":"Note","content":"a","to":"` + ap.Public + `"}`, "Create", "Note"},
		"a bare Question":      {`{"type":"Question","content":"a?","oneOf":[{"type":"Note","name":"x"},{"type":"Note","name":"y"}],"endTime":"2026-12-31T00:00:00Z","to":["` + ap.Public + `"]}`, "Create", "Question"},
		"a Create":             {`{"type":"Create","id":"https://evil.test/1","actor":"` + me + `","to":["` + ap.Public + `"],"object":{"type":"Note","id":"https://evil.test/2","content":"a","attributedTo":"` + me + `"}}`, "Create", "Note"},
		"a vote":               {`{"type":"Create","to":["https://b.test/u"],"object":{"type":"Note","name":"x","inReplyTo":"https://b.test/1"}}`, "Create", "Vote"},
		"a vote for two":       {`{"type":"Create","to":["https://b.test/u"],"object":[{"type":"Note","name":"x","inReplyTo":"https://b.test/1"},{"type":"Note","name":"y","inReplyTo":"https://b.test/1"}]}`, "Create", "Vote"},
		"a Like by its id":     {`{"type":"Like","object":"https://b.test/1"}`, "Like", ""},
		"an Undo":              {`{"type":"Undo","object":{"type":"Follow","actor":"` + me + `","object":"https://b.test/u"}}`, "Undo", "Follow"},
		"odd @context":         {`{"@context":{"as":"https://www.w3.org/ns/activitystreams"},"type":"Announce","object":"https://b.test/1"}`, "Announce", ""},
		"a Delete":             {`{"type":"Delete","object":"https://lviv.test/blogs/1"}`, "Delete", ""},
		"an Update":            {`{"type":"Update","object":{"type":"Note","id":"https://lviv.test/blogs/1","content":"b"}}`, "Update", "Note"},
		"an Add":               {`{"type":"Add","object":"https://lviv.test/blogs/1","target":"` + me + `/featured"}`, "Add", ""},
		"an Accept of an id":   {`{"type":"Accept","object":"https://b.test/follows/1"}`, "Accept", ""},
		"a Block":              {`{"type":"Block","object":"https://b.test/u"}`, "Block", ""},
		"a Follow of a Person": {`{"type":"Follow","object":{"type":"Person","id":"https://b.test/u"}}`, "Follow", "Person"},
	} {
		p, err := a.read(t.Context(), w, []byte(one.body))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.activity.Type != one.kind || p.activity.Object.Type != one.object || p.activity.Actor != me || strings.Contains(p.activity.ID, "evil") {
			t.Errorf("%s: %s of a %q by %s, id %s", name, p.activity.Type, p.activity.Object.Type, p.activity.Actor, p.activity.ID)
		}
		if one.kind == "Create" && (len(p.activity.To) == 0 || p.activity.Object.AttributedTo != me || strings.Contains(p.activity.Object.ID, "evil")) {
			t.Errorf("%s: to %v, attributed to %q, id %q", name, p.activity.To, p.activity.Object.AttributedTo, p.activity.Object.ID)
		}
	}
	p, err := a.read(t.Context(), w, []byte(`{"type":"Note","content":"a","contentMap":{"en":"a"},"sensitive":true,"source":{"content":"*a*","mediaType":"text/markdown"},"to":["`+ap.Public+`"]}`))
	if err != nil {
		t.Fatal(err)
	}
	if p.object.Language != "en" || !p.object.Sensitive || membersOf(p.members["source"]).text("content") != "*a*" {
		t.Errorf("what the vocabulary lacks is lost: %+v %s", p.object, p.members)
	}
}

// TestDocumentsThatAreRefused never panic and never yield.
func TestDocumentsThatAreRefused(t *testing.T) {
	t.Parallel()
	a, w := reader()
	for name, one := range map[string]struct {
		body   string
		status int // 400 also for a fault of ap's
	}{
		"the library panics":      {`{"type":"Note","content":"a","duration":""}`, 400},
		"the library panics deep": {`{"type":"Create","object":{"type":"Note","content":"a","duration":""}}`, 400},
		"no JSON":                 {`{"type":`, 400},
		"a list":                  {`[{"type":"Note"}]`, 400},
		"a text":                  {`"https://b.test/1"`, 400},
		"no type":                 {`{"content":"a"}`, 400},
		"a type that is no type":  {`{"type":7,"content":"a"}`, 400},
		"an unknown type":         {`{"type":"Tally","object":"https://b.test/1"}`, 400},
		"a name twice":            {`{"type":"Note","content":"a","content":"b"}`, 400},
		"a name twice, deep":      {`{"type":"Create","object":{"type":"Note","content":"a","content":"b"}}`, 400},
		"too deep":                {`{"type":"Note","content":"a","tag":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, 400},
		"NUL":                     {`{"type":"Note","content":"a\u0000b"}`, 400},
		"@graph":                  {`{"type":"Note","content":"a","@graph":[]}`, 400},
		"a Like of nothing":       {`{"type":"Like"}`, 400},
		"a Follow of nothing":     {`{"type":"Follow"}`, 400},
		"a Create of an id":       {`{"type":"Create","object":"https://lviv.test/blogs/1"}`, 400},
		"another's activity":      {`{"type":"Like","actor":"https://lviv.test/users/petro","object":"https://b.test/1"}`, 403},
		"another's post":          {`{"type":"Note","content":"a","attributedTo":"https://lviv.test/users/petro"}`, 403},
		"another's post, wrapped": {`{"type":"Create","object":{"type":"Note","content":"a","attributedTo":["https://lviv.test/users/petro"]}}`, 403},
		"a blind copy":            {`{"type":"Note","content":"a","bcc":["https://b.test/u"]}`, 422},
		"an Offer":                {`{"type":"Offer","object":"https://b.test/1"}`, 422},
		"a Move":                  {`{"type":"Move","object":"` + me + `","target":"https://b.test/u"}`, 422},
		"an intransitive one":     {`{"type":"Travel"}`, 400},
	} {
		p, err := a.read(t.Context(), w, []byte(one.body))
		var no *refusal
		var fault ap.Fault
		switch {
		case err == nil:
			t.Errorf("%s: taken as %s of %+v", name, p.activity.Type, p.activity.Object)
		case errors.As(err, &no) && no.status == one.status:
			if strings.Contains(name, "panics") && !strings.Contains(err.Error(), "cannot be read") {
				t.Errorf("%s: refused for another reason: %v", name, err)
			}
		case errors.As(err, &fault) && one.status == http.StatusBadRequest:
		default:
			t.Errorf("%s: %v, want %d", name, err, one.status)
		}
	}
}
