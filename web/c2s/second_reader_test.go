package c2s_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-fed/activity/streams"
	"github.com/go-fed/activity/streams/vocab"

	"viche/federation/ap"
	"viche/modules/blogs"
)

// meaning is what a document says, as far as both readers tell it.
type meaning struct {
	ID, Type, Actor, AttributedTo, InReplyTo, Target string
	Name, Summary, Content                           string
	To, Cc                                           []string
	Published, Updated, EndTime                      time.Time
	Options                                          []string
	Votes                                            []int
	Total                                            int // -1 for none
	First, Next, PartOf                              string
	Objects                                          []meaning // of an activity, or the items of a page
	Inbox, Outbox, Followers, Following, Handle, URL string
}

// strangers are types of ours that the vocabulary does not have: go-fed refuses
// them, and so does everybody who was not told of them.
var strangers = []string{"QuoteRequest", "QuoteAuthorization", "TrustList", "Tally", "PollResult", "EarlyClose"}

// TestTheSecondReaderAgrees: whatever two cities send and serve in a day means
// the same to go-fed's streams, which shares no line with our own reader.
func TestTheSecondReaderAgrees(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, olena, petro *client) {
		seen := map[string]int{}
		for _, raw := range aDayOf(t, olena, petro) {
			kind := agree(t, raw)
			seen[kind]++
		}
		for _, kind := range []string{
			"Note", "Article", "Question", "Person", "Group", "Organization", "Application", "Tombstone", "OrderedCollection", "OrderedCollectionPage",
			"Create", "Update", "Delete", "Follow", "Accept", "Reject", "Undo", "Like", "Announce", "Block", "Flag", "Add", "Remove", "Move", "QuoteRequest", "QuoteAuthorization",
		} {
			if seen[kind] == 0 {
				t.Errorf("no %s was emitted: the test does not look", kind)
			}
		}
		t.Logf("compared: %v", seen)
	})
}

// TestTheComparisonSees holds that a difference in any word that counts is one.
func TestTheComparisonSees(t *testing.T) {
	t.Parallel()
	doc := func(change func(activity, object object)) []byte {
		o := object{
			"type": "Question", "id": "https://a.test/1", "attributedTo": "https://a.test/u", "content": "a", "name": "b", "inReplyTo": "https://a.test/2",
			"to": []string{ap.Public}, "cc": []string{"https://a.test/u/followers"}, "endTime": "2026-12-01T00:00:00Z",
			"oneOf": []object{{"type": "Note", "name": "x", "replies": object{"type": "Collection", "totalItems": 1}}, {"type": "Note", "name": "y"}},
		}
		a := object{"@context": ap.ActivityStreams, "type": "Create", "id": "https://a.test/3", "actor": "https://a.test/u", "to": []string{ap.Public}, "object": o}
		if change != nil {
			change(a, o)
		}
		return mustJSON(t, a)
	}
	ours, err := first("Create", doc(nil))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(a, o object){
		"":             nil,
		"type":         func(a, o object) { a["type"] = "Update" },
		"id":           func(a, o object) { a["id"] = "https://a.test/4" },
		"actor":        func(a, o object) { a["actor"] = "https://a.test/v" },
		"to":           func(a, o object) { a["to"] = []string{} },
		"object.id":    func(a, o object) { o["id"] = "https://a.test/4" },
		"object.cc":    func(a, o object) { o["cc"] = []string{"https://a.test/v"} },
		"attributedTo": func(a, o object) { o["attributedTo"] = "https://a.test/v" },
		"inReplyTo":    func(a, o object) { o["inReplyTo"] = "https://a.test/v" },
		"content":      func(a, o object) { o["content"] = "A" },
		"name":         func(a, o object) { o["name"] = "B" },
		"oneOf":        func(a, o object) { o["oneOf"].([]object)[1]["name"] = "z" },
		"totalItems":   func(a, o object) { o["oneOf"].([]object)[0]["replies"].(object)["totalItems"] = 2 },
		"endTime":      func(a, o object) { o["endTime"] = "2026-12-01T00:00:01Z" },
	} {
		var input map[string]any
		if err := json.Unmarshal(doc(change), &input); err != nil {
			t.Fatal(err)
		}
		typed, err := streams.ToType(t.Context(), input)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if theirs := second(typed); reflect.DeepEqual(ours, theirs) != (name == "") {
			t.Errorf("%q: ours %+v, theirs %+v", name, ours, theirs)
		}
	}
}

// agree compares the two readings of one document, and gives its type.
func agree(t *testing.T, raw []byte) string {
	t.Helper()
	var input map[string]any
	if err := json.Unmarshal(raw, &input); err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	kind, _ := input["type"].(string)
	typed, err := streams.ToType(t.Context(), input)
	if streams.IsUnmatchedErr(err) && slices.Contains(strangers, kind) {
		return kind
	}
	if err != nil {
		t.Errorf("go-fed: %v\n%s", err, raw)
		return kind
	}
	ours, err := first(kind, raw)
	if err != nil {
		t.Errorf("ap: %v\n%s", err, raw)
		return kind
	}
	if theirs := second(typed); !reflect.DeepEqual(ours, theirs) {
		t.Errorf("two meanings:\nours   %+v\ntheirs %+v\n%s", ours, theirs, raw)
	}
	return kind
}

// first is what our own reader understands.
func first(kind string, raw []byte) (meaning, error) {
	switch kind {
	case "Person", "Group", "Organization", "Application":
		a, err := ap.ParseActor(raw)
		if err != nil {
			return meaning{}, err
		}
		return meaning{
			ID: a.ID, Type: a.Type, Name: a.Name, Summary: a.Summary, Published: a.Published, Updated: a.Updated, Total: -1,
			Inbox: a.Inbox, Outbox: a.Outbox, Followers: a.Followers, Following: a.Following, Handle: a.Handle, URL: a.URL,
		}, nil
	case "OrderedCollection", "OrderedCollectionPage":
		c, err := ap.ParseCollection(raw)
		if err != nil {
			return meaning{}, err
		}
		m := meaning{ID: c.ID, Type: c.Type, First: c.First, Next: c.Next, PartOf: c.PartOf, Total: -1}
		if c.TotalItems != nil {
			m.Total = *c.TotalItems
		}
		for _, one := range c.Items {
			m.Objects = append(m.Objects, ofObject(one))
		}
		return m, nil
	}
	if a, err := ap.Parse(raw); err == nil {
		m := meaning{ID: a.ID, Type: a.Type, Actor: a.Actor, Target: a.Target, To: a.To, Cc: a.Cc, Content: a.Content, Summary: a.Summary, Published: a.Published, Total: -1}
		for _, one := range a.Objects {
			m.Objects = append(m.Objects, ofObject(one))
		}
		return m, nil
	}
	o, err := ap.ParseObject(raw)
	if err != nil {
		return meaning{}, err
	}
	return ofObject(o), nil
}

func ofObject(o *ap.Object) meaning {
	m := meaning{
		ID: o.ID, Type: o.Type, Actor: o.Actor, AttributedTo: o.AttributedTo, InReplyTo: o.InReplyTo, Target: o.Target,
		Name: o.Name, Summary: o.Summary, Content: o.Content, To: o.To, Cc: o.Cc, Published: o.Published, Updated: o.Updated, EndTime: o.EndTime, URL: o.URL, Total: -1,
	}
	if m.Type == "Vote" {
		m.Type = "Note" // which of the two it is, only we tell
	}
	if slices.Contains(strangers, m.Type) {
		return meaning{Total: -1}
	}
	for _, one := range append(o.OneOf, o.AnyOf...) {
		m.Options = append(m.Options, one.Name)
		if one.Votes != nil {
			m.Votes = append(m.Votes, *one.Votes)
		}
	}
	if o.Object != nil {
		m.Objects = append(m.Objects, ofObject(o.Object))
	}
	return m
}

// link is what go-fed's properties with one value have in common.
type link interface {
	IsIRI() bool
	GetIRI() *url.URL
	GetType() vocab.Type
}

func idOf(l link) string {
	switch {
	case l == nil || reflect.ValueOf(l).IsNil():
		return ""
	case l.IsIRI():
		return l.GetIRI().String()
	case l.GetType() != nil && l.GetType().GetJSONLDId() != nil:
		return l.GetType().GetJSONLDId().Get().String()
	}
	return ""
}

// second is what go-fed understands.
func second(v vocab.Type) meaning {
	m := meaning{Type: v.GetTypeName(), Total: -1}
	if id := v.GetJSONLDId(); id != nil {
		m.ID = id.Get().String()
	}
	people(v, &m)
	texts(v, &m)
	times(v, &m)
	lists(v, &m)
	places(v, &m)
	if x, ok := v.(interface {
		GetActivityStreamsObject() vocab.ActivityStreamsObjectProperty
	}); ok && x.GetActivityStreamsObject() != nil {
		for i := range x.GetActivityStreamsObject().Len() {
			m.Objects = append(m.Objects, inner(x.GetActivityStreamsObject().At(i)))
		}
	}
	return m
}

func inner(l link) meaning {
	if l.IsIRI() {
		return meaning{ID: l.GetIRI().String(), Total: -1}
	}
	if l.GetType() == nil { // one of the strangers
		return meaning{Total: -1}
	}
	return second(l.GetType())
}

func people(v vocab.Type, m *meaning) {
	if x, ok := v.(interface {
		GetActivityStreamsActor() vocab.ActivityStreamsActorProperty
	}); ok && x.GetActivityStreamsActor() != nil {
		m.Actor = idOf(x.GetActivityStreamsActor().At(0))
	}
	if x, ok := v.(interface {
		GetActivityStreamsAttributedTo() vocab.ActivityStreamsAttributedToProperty
	}); ok && x.GetActivityStreamsAttributedTo() != nil && !strings.Contains("Group OrderedCollection OrderedCollectionPage", m.Type) {
		m.AttributedTo = idOf(x.GetActivityStreamsAttributedTo().At(0))
	}
	if x, ok := v.(interface {
		GetActivityStreamsInReplyTo() vocab.ActivityStreamsInReplyToProperty
	}); ok && x.GetActivityStreamsInReplyTo() != nil {
		m.InReplyTo = idOf(x.GetActivityStreamsInReplyTo().At(0))
	}
	if x, ok := v.(interface {
		GetActivityStreamsTarget() vocab.ActivityStreamsTargetProperty
	}); ok && x.GetActivityStreamsTarget() != nil {
		m.Target = idOf(x.GetActivityStreamsTarget().At(0))
	}
	if x, ok := v.(interface {
		GetActivityStreamsTo() vocab.ActivityStreamsToProperty
	}); ok && x.GetActivityStreamsTo() != nil {
		for i := range x.GetActivityStreamsTo().Len() {
			m.To = append(m.To, idOf(x.GetActivityStreamsTo().At(i)))
		}
	}
	if x, ok := v.(interface {
		GetActivityStreamsCc() vocab.ActivityStreamsCcProperty
	}); ok && x.GetActivityStreamsCc() != nil {
		for i := range x.GetActivityStreamsCc().Len() {
			m.Cc = append(m.Cc, idOf(x.GetActivityStreamsCc().At(i)))
		}
	}
}

func texts(v vocab.Type, m *meaning) {
	if x, ok := v.(interface {
		GetActivityStreamsName() vocab.ActivityStreamsNameProperty
	}); ok && x.GetActivityStreamsName() != nil {
		m.Name = x.GetActivityStreamsName().At(0).GetXMLSchemaString()
	}
	if x, ok := v.(interface {
		GetActivityStreamsSummary() vocab.ActivityStreamsSummaryProperty
	}); ok && x.GetActivityStreamsSummary() != nil {
		m.Summary = x.GetActivityStreamsSummary().At(0).GetXMLSchemaString()
	}
	if x, ok := v.(interface {
		GetActivityStreamsContent() vocab.ActivityStreamsContentProperty
	}); ok && x.GetActivityStreamsContent() != nil {
		m.Content = x.GetActivityStreamsContent().At(0).GetXMLSchemaString()
	}
	if x, ok := v.(interface {
		GetActivityStreamsPreferredUsername() vocab.ActivityStreamsPreferredUsernameProperty
	}); ok && x.GetActivityStreamsPreferredUsername() != nil {
		m.Handle = x.GetActivityStreamsPreferredUsername().GetXMLSchemaString()
	}
}

func times(v vocab.Type, m *meaning) {
	if x, ok := v.(interface {
		GetActivityStreamsPublished() vocab.ActivityStreamsPublishedProperty
	}); ok && x.GetActivityStreamsPublished() != nil {
		m.Published = x.GetActivityStreamsPublished().Get().UTC()
	}
	if x, ok := v.(interface {
		GetActivityStreamsUpdated() vocab.ActivityStreamsUpdatedProperty
	}); ok && x.GetActivityStreamsUpdated() != nil {
		m.Updated = x.GetActivityStreamsUpdated().Get().UTC()
	}
	if x, ok := v.(interface {
		GetActivityStreamsEndTime() vocab.ActivityStreamsEndTimeProperty
	}); ok && x.GetActivityStreamsEndTime() != nil {
		m.EndTime = x.GetActivityStreamsEndTime().Get().UTC()
	}
}

func lists(v vocab.Type, m *meaning) {
	if q, ok := v.(vocab.ActivityStreamsQuestion); ok {
		if p := q.GetActivityStreamsOneOf(); p != nil {
			for i := range p.Len() {
				option(p.At(i).GetActivityStreamsNote(), m)
			}
		}
		if p := q.GetActivityStreamsAnyOf(); p != nil {
			for i := range p.Len() {
				option(p.At(i).GetActivityStreamsNote(), m)
			}
		}
	}
	if x, ok := v.(interface {
		GetActivityStreamsTotalItems() vocab.ActivityStreamsTotalItemsProperty
	}); ok && x.GetActivityStreamsTotalItems() != nil {
		m.Total = x.GetActivityStreamsTotalItems().Get()
	}
	if x, ok := v.(interface {
		GetActivityStreamsOrderedItems() vocab.ActivityStreamsOrderedItemsProperty
	}); ok && x.GetActivityStreamsOrderedItems() != nil {
		for i := range x.GetActivityStreamsOrderedItems().Len() {
			m.Objects = append(m.Objects, inner(x.GetActivityStreamsOrderedItems().At(i)))
		}
	}
	if x, ok := v.(interface {
		GetActivityStreamsFirst() vocab.ActivityStreamsFirstProperty
	}); ok && x.GetActivityStreamsFirst() != nil {
		m.First = idOf(x.GetActivityStreamsFirst())
	}
	if x, ok := v.(interface {
		GetActivityStreamsNext() vocab.ActivityStreamsNextProperty
	}); ok && x.GetActivityStreamsNext() != nil {
		m.Next = idOf(x.GetActivityStreamsNext())
	}
	if x, ok := v.(interface {
		GetActivityStreamsPartOf() vocab.ActivityStreamsPartOfProperty
	}); ok && x.GetActivityStreamsPartOf() != nil {
		m.PartOf = idOf(x.GetActivityStreamsPartOf())
	}
}

func option(n vocab.ActivityStreamsNote, m *meaning) {
	if n == nil || n.GetActivityStreamsName() == nil {
		m.Options = append(m.Options, "")
		return
	}
	m.Options = append(m.Options, n.GetActivityStreamsName().At(0).GetXMLSchemaString())
	if r := n.GetActivityStreamsReplies(); r != nil && r.GetActivityStreamsCollection() != nil {
		m.Votes = append(m.Votes, r.GetActivityStreamsCollection().GetActivityStreamsTotalItems().Get())
	}
}

func places(v vocab.Type, m *meaning) {
	if x, ok := v.(interface {
		GetActivityStreamsUrl() vocab.ActivityStreamsUrlProperty
	}); ok && x.GetActivityStreamsUrl() != nil {
		m.URL = x.GetActivityStreamsUrl().At(0).GetIRI().String()
	}
	if x, ok := v.(interface {
		GetActivityStreamsInbox() vocab.ActivityStreamsInboxProperty
	}); ok && x.GetActivityStreamsInbox() != nil {
		m.Inbox = idOf(x.GetActivityStreamsInbox())
	}
	if x, ok := v.(interface {
		GetActivityStreamsOutbox() vocab.ActivityStreamsOutboxProperty
	}); ok && x.GetActivityStreamsOutbox() != nil {
		m.Outbox = idOf(x.GetActivityStreamsOutbox())
	}
	if x, ok := v.(interface {
		GetActivityStreamsFollowers() vocab.ActivityStreamsFollowersProperty
	}); ok && x.GetActivityStreamsFollowers() != nil {
		m.Followers = idOf(x.GetActivityStreamsFollowers())
	}
	if x, ok := v.(interface {
		GetActivityStreamsFollowing() vocab.ActivityStreamsFollowingProperty
	}); ok && x.GetActivityStreamsFollowing() != nil {
		m.Following = idOf(x.GetActivityStreamsFollowing())
	}
}

// aDayOf has two residents of two cities do everything that makes their cities
// say something, and gives all that was sent and all that is served.
func aDayOf(t *testing.T, olena, petro *client) (all [][]byte) {
	t.Helper()
	known := map[string]bool{}
	keep := func(raw []byte) {
		if !known[string(raw)] {
			known[string(raw)] = true
			all = append(all, slices.Clone(raw))
		}
	}
	// What is to be sent is forgotten once it was, so it is looked at before.
	gather := func() {
		t.Helper()
		for _, c := range []*client{olena, petro} {
			for _, table := range []string{"activities", "objects"} {
				rows, err := c.who.Town.DB.ReadBound().Query(t.Context(), "select raw from "+table)
				if err != nil {
					t.Fatal(err)
				}
				for rows.Next() {
					var raw []byte
					if err := rows.Scan(&raw); err != nil {
						t.Fatal(err)
					}
					keep(raw)
				}
				rows.Close()
				if err := rows.Err(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	say := func(c *client, doc any) string {
		t.Helper()
		a := c.post(doc)
		if a.status != http.StatusCreated {
			t.Fatalf("%v = %d %s", doc, a.status, a.raw)
		}
		gather()
		// Step by step, for what answers an activity is gone once it has arrived.
		for range 3 {
			for _, one := range []*client{olena, petro} {
				for _, step := range []func(context.Context) (int, error){one.who.Town.Federation.FanOut, one.who.Town.Federation.Deliver, one.who.Town.Federation.DrainInbox} {
					if _, err := step(t.Context()); err != nil {
						t.Fatal(err)
					}
					gather()
				}
			}
		}
		c.n.Settle()
		gather()
		return a.location
	}
	to, cc := public(olena.uri)
	md := func(text string) object { return object{"content": text, "mediaType": "text/markdown"} }

	say(petro, object{"type": "Follow", "object": olena.uri})
	say(olena, object{"type": "Follow", "object": petro.uri})
	note := olena.note(say(olena, object{"type": "Note", "source": md("Привіт @petro@lviv.test, #міст & <b>\\"), "summary": "Обережно", "to": to, "cc": cc}))
	say(olena, object{"type": "Note", "source": md("тихо"), "to": cc, "cc": to})
	say(olena, object{"type": "Note", "source": md("сфера"), "to": to, "audience": "https://kamianske.test/spheres/ecology"})
	say(olena, object{"type": "Note", "source": md("своїм"), "to": cc})
	say(olena, object{"type": "Note", "source": md("тобі"), "to": petro.uri})
	say(olena, object{"type": "Article", "name": "Про мости", "summary": "Коротко", "source": md("# Міст\n\nТекст"), "to": to, "cc": cc})
	say(olena, object{"type": "Update", "object": object{"id": note.URI, "type": "Note", "source": md("Інше")}})
	reply := petro.note(say(petro, object{"type": "Note", "source": md("так"), "inReplyTo": note.URI, "to": to}))
	say(petro, object{"type": "Note", "source": md("цитата"), "quote": note.URI, "to": to})
	like, boost := say(petro, object{"type": "Like", "object": note.URI}), say(petro, object{"type": "Announce", "object": note.URI})
	say(petro, object{"type": "Undo", "object": like})
	say(petro, object{"type": "Undo", "object": boost})
	say(olena, object{"type": "Add", "object": note.URI, "target": olena.uri + "/featured"})
	for _, address := range []string{"https://kamianske.test/actor", "https://kamianske.test/news", "https://kamianske.test/spheres/ecology", olena.uri,
		olena.uri + "/outbox", olena.uri + "/outbox?before=0", olena.uri + "/followers", "https://kamianske.test/spheres/ecology/outbox?before=0",
		note.URI, note.URI + "/replies", note.URI + "/replies?after=0", olena.uri + "/inbox", olena.uri + "/inbox?before=0"} {
		a := olena.do(http.MethodGet, address, "", nil)
		if a.status != http.StatusOK {
			t.Fatalf("%s = %d %s", address, a.status, a.raw)
		}
		keep(a.raw)
	}
	say(olena, object{"type": "Remove", "object": note.URI, "target": olena.uri + "/featured"})

	ask := func(kind string) *blogs.Post {
		return olena.note(say(olena, object{"type": "Question", "source": md("Який?"), kind: []object{{"type": "Note", "name": "Так & ні"}, {"type": "Note", "name": "Ні"}},
			"to": to, "cc": cc, "endTime": ap.FormatTime(olena.n.Now().Add(time.Hour))}))
	}
	one := ask("oneOf")
	ask("anyOf")
	say(petro, object{"type": "Create", "to": olena.uri, "object": object{"type": "Note", "name": "Ні", "inReplyTo": one.URI, "to": olena.uri}})
	olena.n.OpenPoll("kamianske", "city")
	olena.n.Advance(8 * 24 * time.Hour)
	if err := olena.who.Town.Blogs.ClosePolls(t.Context()); err != nil {
		t.Fatal(err)
	}
	gather()
	olena.n.Settle()
	gather()

	town := petro.who.Town
	w, err := town.Blogs.Writer(t.Context(), petro.who.Account)
	if err != nil {
		t.Fatal(err)
	}
	about, err := town.Book.ByURI(t.Context(), town.DB.Read(), olena.uri)
	if err != nil {
		t.Fatal(err)
	}
	if err := town.Blogs.Report(t.Context(), w, about, []int64{petro.here(note.URI).ID}, "спам", true); err != nil {
		t.Fatal(err)
	}
	gather()
	petro.n.Settle()
	say(olena, object{"type": "Reject", "object": object{"type": "Follow", "actor": petro.uri, "object": olena.uri}})
	block := say(olena, object{"type": "Block", "object": petro.uri})
	say(olena, object{"type": "Undo", "object": block})
	say(petro, object{"type": "Delete", "object": reply.URI})
	say(olena, object{"type": "Delete", "object": note.URI})

	move := ap.Envelope{ID: "https://lviv.test/activities/1", Actor: petro.uri, To: []string{petro.uri + "/followers"}}.Object("Move", petro.uri)
	move["target"] = "https://elsewhere.test/users/petro"
	raw, err := ap.Encode(move)
	if err != nil {
		t.Fatal(err)
	}
	keep(raw)
	return all
}
