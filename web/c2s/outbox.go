package c2s

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"viche/federation"
	"viche/federation/ap"
	"viche/modules/blogs"
)

// members are the members of one JSON object, exactly as they were written. They
// are read only after ap.Parse has refused what two readers read differently.
type members map[string]json.RawMessage

func membersOf(raw []byte) members {
	m := members{}
	if json.Unmarshal(raw, &m) != nil {
		return members{}
	}
	return m
}

// has tells whether a member stands there; null says that it is to be empty.
func (m members) has(name string) bool { _, ok := m[name]; return ok }

func (m members) text(name string) (s string) {
	_ = json.Unmarshal(m[name], &s) // anything but a text is none
	return s
}

// A posting is what somebody wants done: the activity as pub normalised it, and
// the object as the client wrote it, for pub drops languages.
type posting struct {
	writer   blogs.Writer
	activity *ap.Activity
	object   *ap.Object // the only one; nil in a vote for several options
	members  members    // of the object, where it was embedded
}

// outbox answers POST to the own outbox.
func (a *API) outbox(w http.ResponseWriter, r *http.Request) {
	raw, err := body(w, r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	p, err := a.read(r.Context(), callerOf(r).writer, raw)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	location, err := a.do(r.Context(), p)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusCreated)
}

// body reads what was posted, if it is ActivityPub and no larger than what
// another server may send.
func body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	profile := params["profile"]
	if err != nil || kind != "application/activity+json" && (kind != "application/ld+json" || profile != "" && !strings.Contains(profile, ap.ActivityStreams)) {
		return nil, errMediaType
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, ap.MaxBytes))
	var tooBig *http.MaxBytesError
	if err != nil && !errors.As(err, &tooBig) {
		return nil, malformed("", "the body ends too early")
	}
	return raw, err
}

// strictly reads a document from a client with the limits that another server's
// are held to: its size and depth, names that stand twice, what only a JSON-LD
// processor would see. me names the reader; only its members come back.
func strictly(me string, raw []byte) (members, error) {
	if !json.Valid(raw) {
		return nil, malformed("", "not JSON")
	}
	// As a member of an activity that is sound, so that only its form is judged.
	holder, err := json.Marshal(map[string]any{"id": me + "#posted", "type": "Create", "actor": me, "object": me, "posted": json.RawMessage(raw)})
	if err != nil {
		return nil, err
	}
	if _, err := ap.Parse(holder); err != nil {
		return nil, err
	}
	said := membersOf(raw)
	if len(said) == 0 {
		return nil, malformed("", "an object is wanted")
	}
	return said, nil
}

// objectsOf reads what a client's document is about as our own reader does: the
// objects of an activity, or itself where it is none.
func objectsOf(me string, said members) ([]*ap.Object, error) {
	filled := members{"actor": quoted(me)}
	for name, value := range said {
		filled[name] = value
	}
	filled["id"] = quoted(me + "#posted") // a client does not choose it
	if !said.has("object") {
		o, err := ap.ParseObject(encoded(filled))
		if err == nil && o.Actor != me {
			err = errOthers.about("actor")
		}
		return []*ap.Object{o}, err
	}
	a, err := ap.Parse(encoded(filled))
	if err != nil {
		return nil, err
	}
	if a.Actor != me {
		return nil, errOthers.about("actor")
	}
	return a.Objects, nil
}

// read finds out what a client wants. Everything is looked at with our own
// limits before a library sees it.
func (a *API) read(ctx context.Context, writer blogs.Writer, raw []byte) (*posting, error) {
	me := writer.Actor.URI
	said, err := strictly(me, raw)
	if err != nil {
		return nil, err
	}
	objects, err := objectsOf(me, said)
	if err != nil {
		return nil, err
	}
	kind := said.text("type")
	if kind == "Create" || !said.has("object") {
		for _, o := range objects {
			if !mine(o.Attributed, me) {
				return nil, errOthers.about("attributedTo")
			}
		}
	}
	for _, name := range []string{"bto", "bcc"} {
		if said.has(name) || membersOf(said["object"]).has(name) {
			return nil, errUnsupported.about(name, "Type", name)
		}
	}
	normal, err := drive(ctx, me, a.Federation.ActivityURI, prepared(said, me, kind))
	if err != nil {
		return nil, err
	}
	p := &posting{writer: writer}
	if p.activity, err = ap.Parse(normal); err != nil {
		return nil, err
	}
	if p.activity.Actor != me {
		return nil, errOthers.about("actor")
	}
	if len(objects) != len(p.activity.Objects) || len(objects) == 0 {
		return nil, malformed("object", "an object is wanted")
	}
	if len(objects) == 1 {
		p.object, p.members = objects[0], said
		if said.has("object") {
			p.members = membersOf(said["object"])
		}
	}
	return p, nil
}

// prepared is what pub is given: in the vocabulary itself, so that no @context
// makes it read another word, without the id that the client may not choose. A
// Question is an activity to pub, and never one to anybody else.
func prepared(said members, me, kind string) []byte {
	given := members{"@context": quoted(ap.ActivityStreams)}
	for name, value := range said {
		if name != "@context" && name != "id" {
			given[name] = value
		}
	}
	if kind == "Question" {
		object := members{}
		for name, value := range given {
			if name != "@context" {
				object[name] = value
			}
		}
		given = members{"@context": given["@context"], "type": quoted("Create"), "object": encoded(object)}
	}
	if given.has("actor") || given.has("object") {
		given["actor"] = quoted(me)
	}
	return encoded(given)
}

func quoted(s string) json.RawMessage { return encoded(s) }

func encoded(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil { // parts that were read just now
		return json.RawMessage("null")
	}
	return raw
}

// mine tells whether what names its authors names nobody but one.
func mine(authors []string, me string) bool {
	return !slices.ContainsFunc(authors, func(who string) bool { return who != me })
}

// do has one command do what was posted, and gives the id of the activity that
// tells of it. Doing again what was done is no fault and gives the same id.
func (a *API) do(ctx context.Context, p *posting) (location string, err error) {
	does := map[string]func(context.Context, *posting) (string, error){
		"Create": a.create, "Update": a.update, "Delete": a.delete,
		"Like": a.like, "Announce": a.announce, "Follow": a.follow, "Block": a.block, "Undo": a.undo,
		"Accept": a.answerFollow, "Reject": a.answerFollow, "Add": a.pin, "Remove": a.pin,
	}[p.activity.Type]
	if does == nil || p.object == nil && p.activity.Type != "Create" {
		return "", errUnsupported.about("type", "Type", p.activity.Type)
	}
	watched, published := federation.Watch(ctx)
	if location, err = does(watched, p); err != nil || location != "" {
		return location, err
	}
	if location = published.Newest(p.activity.Type, p.writer.Actor.URI); location != "" {
		return location, nil
	}
	// Nobody elsewhere had to hear of it, so no activity was made; the client
	// still gets an id that nothing else will have.
	return a.Federation.ActivityURI(), nil
}
