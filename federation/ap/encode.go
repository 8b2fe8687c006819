package ap

import (
	"encoding/json"
	"fmt"
	"time"
)

// Encode writes an object of ours: names in alphabetical order, no HTML
// escapes, our @context where none is given. The bytes are what is stored and
// served, for ever the same.
func Encode(obj map[string]any) ([]byte, error) {
	if obj["@context"] == nil {
		with := make(map[string]any, len(obj)+1)
		for name, value := range obj {
			with[name] = value
		}
		with["@context"] = Context
		obj = with
	}
	raw, err := marshal(obj)
	if err != nil {
		return nil, fmt.Errorf("encode %v: %w", obj["id"], err)
	}
	return raw, nil
}

// social are the words beside ActivityStreams that posts and actors use, as
// Mastodon, Lemmy and the FEPs define them. Servers that process JSON-LD see
// only what is defined.
var social = map[string]any{
	"toot": "http://joinmastodon.org/ns#", "schema": "http://schema.org/", "sec": "https://w3id.org/security#",
	"lemmy": "https://join-lemmy.org/ns#", "mz": "https://joinmobilizon.org/ns#",
	"Hashtag": "as:Hashtag", "sensitive": "as:sensitive", "manuallyApprovesFollowers": "as:manuallyApprovesFollowers",
	"movedTo": typedID("as:movedTo"), "alsoKnownAs": typedID("as:alsoKnownAs"),
	"PropertyValue": "schema:PropertyValue", "value": "schema:value",
	"PostalAddress": "schema:PostalAddress", "address": "schema:address", "streetAddress": "schema:streetAddress",
	"eventStatus": "https://w3id.org/fep/8a8e/eventStatus", "organizers": typedID("https://w3id.org/fep/8a8e/organizers"),
	"joinMode": "mz:joinMode", "timezone": "mz:timezone", "externalParticipationUrl": "mz:externalParticipationUrl",
	"featured": typedID("toot:featured"), "discoverable": "toot:discoverable", "indexable": "toot:indexable",
	"suspended": "toot:suspended", "blurhash": "toot:blurhash", "votersCount": "toot:votersCount",
	"implements":              typedID("https://w3id.org/fep/844e#implements"),
	"postingRestrictedToMods": "lemmy:postingRestrictedToMods",
	"gts":                     "https://gotosocial.org/ns#", "interactionPolicy": typedID("gts:interactionPolicy"),
	"canLike": typedID("gts:canLike"), "canReply": typedID("gts:canReply"), "canAnnounce": typedID("gts:canAnnounce"), "canQuote": typedID("gts:canQuote"),
	"automaticApproval": typedID("gts:automaticApproval"), "manualApproval": typedID("gts:manualApproval"),
	"quote": typedID("https://w3id.org/fep/044f#quote"), "quoteAuthorization": typedID("https://w3id.org/fep/044f#quoteAuthorization"),
	"QuoteRequest": "https://w3id.org/fep/044f#QuoteRequest", "QuoteAuthorization": "https://w3id.org/fep/044f#QuoteAuthorization",
	"interactingObject": typedID("gts:interactingObject"), "interactionTarget": typedID("gts:interactionTarget"),
	"quoteUri":           "http://fedibird.com/ns#quoteUri",
	"webfinger":          "https://purl.archive.org/socialweb/webfinger#webfinger",
	"Multikey":           "sec:Multikey",
	"controller":         typedID("sec:controller"),
	"assertionMethod":    map[string]any{"@id": "sec:assertionMethod", "@type": "@id", "@container": "@set"},
	"publicKeyMultibase": map[string]any{"@id": "sec:publicKeyMultibase", "@type": "sec:multibase"},
}

func typedID(iri string) map[string]any { return map[string]any{"@id": iri, "@type": "@id"} }

// SocialContext is the @context of actors, posts and collections: no fetched
// words but those that everybody ships.
var SocialContext = []any{ActivityStreams, "https://w3id.org/security/v1", social}

// doc builds an object, leaving out what is empty.
type doc map[string]any

func (d doc) text(name, value string) {
	if value != "" {
		d[name] = value
	}
}

func (d doc) time(name string, value time.Time) {
	if !value.IsZero() {
		d[name] = FormatTime(value)
	}
}

func (d doc) list(name string, value []string) {
	if len(value) > 0 {
		d[name] = value
	}
}

func (d doc) yes(name string, value bool) {
	if value {
		d[name] = true
	}
}

// Object gives the actor's document to be encoded.
func (a Actor) Object() map[string]any {
	d := doc{"@context": SocialContext, "id": a.ID, "type": a.Type, "inbox": a.Inbox}
	for name, value := range map[string]string{
		"preferredUsername": a.Handle, "name": a.Name, "summary": a.Summary, "url": a.URL,
		"outbox": a.Outbox, "followers": a.Followers, "following": a.Following, "featured": a.Featured,
		"attributedTo": a.Moderators, "movedTo": a.MovedTo, "webfinger": a.WebFinger,
	} {
		d.text(name, value)
	}
	endpoints := doc{}
	endpoints.text("sharedInbox", a.SharedInbox)
	endpoints.text("proxyUrl", a.ProxyURL)
	endpoints.text("uploadMedia", a.UploadMedia)
	if len(endpoints) > 0 {
		d["endpoints"] = endpoints
	}
	// These stand even when false: the absence is read as "never asked".
	d["discoverable"], d["indexable"] = a.Discoverable, a.Indexable
	d["manuallyApprovesFollowers"] = a.ByApproval
	if a.Type == "Group" {
		d["postingRestrictedToMods"] = a.OnlyModeratorsPost
	}
	d.yes("suspended", a.Suspended)
	d.yes("memorial", a.Memorial)
	d.time("published", a.Published)
	d.time("updated", a.Updated)
	d.list("alsoKnownAs", a.AlsoKnownAs)
	for name, link := range map[string]string{"icon": a.Icon, "image": a.Image} {
		if link != "" {
			d[name] = map[string]any{"type": "Image", "url": link}
		}
	}
	if len(a.Fields) > 0 {
		fields := make([]any, len(a.Fields))
		for i, f := range a.Fields {
			fields[i] = map[string]any{"type": "PropertyValue", "name": f.Name, "value": f.Value}
		}
		d["attachment"] = fields
	}
	if len(a.Implements) > 0 {
		can := make([]any, len(a.Implements))
		for i, href := range a.Implements {
			can[i] = map[string]any{"href": href}
		}
		d["generator"] = map[string]any{"type": "Application", "implements": can}
	}
	a.keys(d)
	return d
}

func (a Actor) keys(d doc) {
	// Mastodon, GoToSocial and Lemmy read one publicKey, not a list of them.
	if len(a.Keys) > 0 {
		d["publicKey"] = map[string]any{"id": a.Keys[0].ID, "owner": a.Keys[0].Owner, "publicKeyPem": a.Keys[0].PEM}
	}
	if len(a.AssertionMethods) == 0 {
		return
	}
	methods := make([]any, len(a.AssertionMethods))
	for i, k := range a.AssertionMethods {
		methods[i] = map[string]any{"id": k.ID, "type": "Multikey", "controller": k.Controller, "publicKeyMultibase": k.Text}
	}
	d["assertionMethod"] = methods
}

// Encode gives the actor's document as it is served.
func (a Actor) Encode() ([]byte, error) { return Encode(a.Object()) }

// Post is a Note, Article, Page or Event of ours.
type Post struct {
	Type         string
	ID           string
	AttributedTo string
	To, Cc       []string
	URL          string
	Name         string
	Summary      string // before Content; all that Mastodon shows of an Article or Event
	Content      string // HTML, sanitised by the caller
	Language     string // of Content: "uk"
	InReplyTo    string
	Audience     string // the Group that it was posted to
	Context      string
	Published    time.Time
	Updated      time.Time
	Sensitive    bool
	Tags         []Tag
	Attachments  []Attachment
	Image        string
	// For an Event.
	StartTime, EndTime time.Time
	Place              Place
	Online             string // address of the meeting on the net
	EventStatus        string // "EventScheduled", "EventCancelled", …
	JoinMode           string // "free", "external", "none"
	JoinURL            string
	Timezone           string
	// Extra are members beyond these; they win.
	Extra map[string]any
}

// Object gives the post to be encoded or wrapped.
func (p Post) Object() map[string]any {
	d := doc{"@context": SocialContext, "type": p.Type}
	for name, value := range map[string]string{
		"id": p.ID, "attributedTo": p.AttributedTo, "url": p.URL, "name": p.Name, "summary": p.Summary, "content": p.Content,
		"inReplyTo": p.InReplyTo, "audience": p.Audience, "context": p.Context, "eventStatus": p.EventStatus,
		"joinMode": p.JoinMode, "externalParticipationUrl": p.JoinURL, "timezone": p.Timezone,
	} {
		d.text(name, value)
	}
	if p.Language != "" && p.Content != "" {
		d["contentMap"] = map[string]any{p.Language: p.Content}
	}
	d.list("to", p.To)
	d.list("cc", p.Cc)
	d.time("published", p.Published)
	d.time("updated", p.Updated)
	d.time("startTime", p.StartTime)
	d.time("endTime", p.EndTime)
	d.yes("sensitive", p.Sensitive)
	if p.Image != "" {
		d["image"] = map[string]any{"type": "Image", "url": p.Image}
	}
	if tags := encodeTags(p.Tags); len(tags) > 0 {
		d["tag"] = tags
	}
	if attachments := encodeAttachments(p.Attachments); len(attachments) > 0 {
		d["attachment"] = attachments
	}
	if location := p.location(); location != nil {
		d["location"] = location
	}
	for name, value := range p.Extra {
		d[name] = value
	}
	return d
}

// Encode gives the post as it is served.
func (p Post) Encode() ([]byte, error) { return Encode(p.Object()) }

// location puts the place first: a reader with one slot takes the first.
func (p Post) location() any {
	var out []any
	if p.Place != (Place{}) {
		place := doc{"type": "Place"}
		place.text("name", p.Place.Name)
		place.text("address", p.Place.Address)
		if p.Place.Latitude != 0 || p.Place.Longitude != 0 {
			place["latitude"], place["longitude"] = p.Place.Latitude, p.Place.Longitude
		}
		out = append(out, place)
	}
	if p.Online != "" {
		out = append(out, map[string]any{"type": "VirtualLocation", "url": p.Online})
	}
	switch len(out) {
	case 0:
		return nil
	case 1:
		return out[0]
	default:
		return out
	}
}

func encodeTags(tags []Tag) []any {
	var out []any
	for _, t := range tags {
		d := doc{"type": t.Type, "name": t.Name}
		d.text("href", t.Href)
		out = append(out, d)
	}
	return out
}

func encodeAttachments(attachments []Attachment) []any {
	var out []any
	for _, a := range attachments {
		d := doc{"type": a.Type}
		d.text("name", a.Name)
		d.text("mediaType", a.MediaType)
		d.text("blurhash", a.Blurhash)
		if a.Type == "Link" {
			d.text("href", a.URL)
		} else {
			d.text("url", a.URL)
		}
		out = append(out, d)
	}
	return out
}

// Tombstone is what a deleted object's address answers.
func Tombstone(id, formerType string, deleted time.Time) ([]byte, error) {
	d := doc{"@context": ActivityStreams, "id": id, "type": "Tombstone"}
	d.text("formerType", formerType)
	d.time("deleted", deleted)
	return Encode(d)
}

// EncodeCollection writes the head of an ordered collection.
func EncodeCollection(c Collection) ([]byte, error) {
	d := doc{"@context": SocialContext, "id": c.ID, "type": "OrderedCollection"}
	if c.TotalItems != nil {
		d["totalItems"] = *c.TotalItems
	}
	d.text("first", c.First)
	d.text("last", c.Last)
	return Encode(d)
}

// EncodePage writes a page of an ordered collection. Items are addresses or
// objects as json.RawMessage.
func EncodePage(c Collection, items []any) ([]byte, error) {
	if items == nil {
		items = []any{} // null would be no list
	}
	d := doc{"@context": SocialContext, "id": c.ID, "type": "OrderedCollectionPage", "orderedItems": items}
	if c.TotalItems != nil {
		d["totalItems"] = *c.TotalItems
	}
	d.text("partOf", c.PartOf)
	d.text("next", c.Next)
	d.text("prev", c.Prev)
	return Encode(d)
}

// EncodeList writes a whole short collection: the pinned posts, a Group's
// moderators.
func EncodeList(id string, items []any) ([]byte, error) {
	if items == nil {
		items = []any{}
	}
	return Encode(doc{
		"@context": SocialContext, "id": id, "type": "OrderedCollection", "totalItems": len(items), "orderedItems": items,
	})
}

// Envelope is what all activities of ours have in common.
type Envelope struct {
	ID        string
	Actor     string
	To, Cc    []string
	Audience  string
	Published time.Time
}

// Object gives an activity about something: an address, a map, or an object's
// own bytes as json.RawMessage. It is for what will be signed, or has more
// members; the methods below do the rest.
func (e Envelope) Object(activity string, about any) map[string]any {
	d := doc{"@context": ActivityStreams, "id": e.ID, "type": activity, "actor": e.Actor, "object": about}
	d.list("to", e.To)
	d.list("cc", e.Cc)
	d.text("audience", e.Audience)
	d.time("published", e.Published)
	return d
}

// Create wraps a new object, which keeps its own @context.
func (e Envelope) Create(object json.RawMessage) ([]byte, error) {
	return Encode(e.Object("Create", object))
}

// Update wraps the whole new state of an object.
func (e Envelope) Update(object json.RawMessage) ([]byte, error) {
	return Encode(e.Object("Update", object))
}

// Delete tells that an object is gone. GoToSocial reads only the address,
// Mastodon both, so the address it is.
func (e Envelope) Delete(id string) ([]byte, error) { return Encode(e.Object("Delete", id)) }

// Announce boosts an object by its address: nobody believes a copy.
func (e Envelope) Announce(id string) ([]byte, error) { return Encode(e.Object("Announce", id)) }

// AnnounceActivity is how a Group passes on an accepted activity, unchanged
// (FEP-1b12).
func (e Envelope) AnnounceActivity(activity json.RawMessage) ([]byte, error) {
	return Encode(e.Object("Announce", activity))
}

// Follow asks to follow an actor.
func (e Envelope) Follow(actor string) ([]byte, error) { return Encode(e.Object("Follow", actor)) }

// Like likes an object.
func (e Envelope) Like(id string) ([]byte, error) { return Encode(e.Object("Like", id)) }

// Accept answers an activity with yes. It carries the activity as it came:
// some servers know theirs again only so.
func (e Envelope) Accept(activity json.RawMessage) ([]byte, error) {
	return Encode(e.Object("Accept", activity))
}

// Reject answers an activity with no.
func (e Envelope) Reject(activity json.RawMessage) ([]byte, error) {
	return Encode(e.Object("Reject", activity))
}

// Undo takes an activity of ours back.
func (e Envelope) Undo(activity json.RawMessage) ([]byte, error) {
	return Encode(e.Object("Undo", activity))
}

// Add puts an object into a collection of ours.
func (e Envelope) Add(id, collection string) ([]byte, error) {
	d := e.Object("Add", id)
	d["target"] = collection
	return Encode(d)
}

// Remove takes an object out of a collection of ours.
func (e Envelope) Remove(id, collection string) ([]byte, error) {
	d := e.Object("Remove", id)
	d["target"] = collection
	return Encode(d)
}

// Flag reports an actor and posts to the server where they live.
func (e Envelope) Flag(about []string, comment string) ([]byte, error) {
	d := e.Object("Flag", about)
	d["content"] = comment
	return Encode(d)
}

// Vote wraps one vote for an option of a poll elsewhere: a Note with the exact
// name of the option and no content, to the poll's author alone.
func (e Envelope) Vote(noteID, poll, option string) ([]byte, error) {
	return Encode(e.Object("Create", map[string]any{
		"id": noteID, "type": "Note", "attributedTo": e.Actor, "to": e.To, "inReplyTo": poll, "name": option,
	}))
}
