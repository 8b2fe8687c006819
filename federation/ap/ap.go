// Package ap is the vocabulary of ActivityPub as data: it hides what
// other servers may write for one and the same thing.
//
// Parse reads an activity from anywhere: it holds the limits, refuses what two
// readers could read differently, and irons out JSON-LD's shapes. It trusts
// nothing and proves nothing; who sent an activity is federation's question.
// The encoders write the exact bytes that we sign, store and serve.
// Document, Canonical, Digest, Sign and VerifyProof are the object proofs that
// cross-city polls stand on.
//
// Raw bytes are canonical. Nothing here turns a parsed object back into JSON.
package ap

import (
	"encoding/json"
	"time"
)

// Activity is something that an actor did.
type Activity struct {
	ID        string
	Type      string
	Actor     string
	Object    *Object   // the first of Objects; nil where there is none
	Objects   []*Object // usually one; several in a vote for several options, or a Flag
	To, Cc    []string
	Target    string
	Published time.Time
	Summary   string
	Content   string // the comment of a Flag, the emoji of a Like
	// Instrument is the post that asks to quote, Result the leave to (FEP-044f).
	Instrument, Result string
	Raw                json.RawMessage
}

// Object is what an activity is about. A link alone has nothing but its ID.
type Object struct {
	ID           string
	Type         string // "Vote" for a Note that votes, "" for a link alone
	AttributedTo string
	Attributed   []string // all of them, where a Video has several
	Name         string   // exact, as an option's text must be
	Content      string
	Summary      string
	ContentMap   map[string]string
	Language     string
	URL          string // a page on the object's own host, or ""
	InReplyTo    string
	Audience     string
	Context      string
	To, Cc       []string
	Published    time.Time
	Updated      time.Time
	StartTime    time.Time
	EndTime      time.Time
	Closed       time.Time
	Sensitive    bool
	OneOf, AnyOf []Option
	VotersCount  *int
	Tags         []Tag
	Attachments  []Attachment
	Icon, Image  string
	Place        Place
	Replies      string // the collection's address

	// Quote is the post that this one quotes, by whichever name (FEP-044f, and
	// those before it); Stamp the leave to. A stamp names both posts.
	Quote, Stamp                         string
	InteractingObject, InteractionTarget string
	// CanReply and CanQuote are who may by themselves (GoToSocial's interaction
	// policy); nil where the post does not say.
	CanReply, CanQuote []string
	// JoinMode and Status are an Event's.
	JoinMode, Status string

	// An activity inside an activity: an Undo, an Accept, a Group's Announce.
	Actor  string
	Object *Object
	Target string

	// Our own words, as plain text. Whoever acts on them reads Raw as a
	// Document and checks its proof.
	PollID, PollDigest, Poll string
	Territory, Sphere        string
	ResultsPolicy            string
	OpensAt, TalliesDue      time.Time
	HasProof                 bool

	Raw json.RawMessage // the bytes as they came; nil for a link alone
}

// Option is an answer that one may choose.
type Option struct {
	ID    string // our optionId, "" elsewhere
	Name  string
	Votes *int // nil where the server doesn't say
}

// Tag is a Mention, a Hashtag or an Emoji.
type Tag struct {
	Type string
	Name string
	Href string
	Icon string
}

// Attachment is a picture, a film, a link beside the text.
type Attachment struct {
	Type      string
	URL       string
	MediaType string
	Name      string
	Value     string // of a PropertyValue: a line of a profile
	Blurhash  string
}

// Place is where an event happens.
type Place struct {
	Name                string
	Address             string
	Latitude, Longitude float64
}

// Actor is somebody who acts: a resident, a sphere, a city. The same form is
// read from others and written by us.
type Actor struct {
	ID        string
	Type      string
	Handle    string
	Name      string
	Summary   string
	URL       string
	Inbox     string
	Outbox    string
	Followers string
	Following string
	Featured  string
	// SharedInbox serves all actors of one host.
	SharedInbox string
	// ProxyURL and UploadMedia are what the actor's own clients use.
	ProxyURL    string
	UploadMedia string
	// Moderators is the collection of a Group's moderators (FEP-1b12).
	Moderators string
	Icon       string
	Image      string
	Published  time.Time
	Updated    time.Time
	// Discoverable and Indexable are false unless the actor says yes.
	Discoverable bool
	Indexable    bool
	// ByApproval: whoever follows waits for an answer.
	ByApproval         bool
	OnlyModeratorsPost bool
	Suspended          bool
	Memorial           bool
	MovedTo            string
	AlsoKnownAs        []string
	Fields             []Field
	Keys               []PublicKey
	AssertionMethods   []Multikey
	WebFinger          string // "name@host" (FEP-2c59)
	// Implements are addresses of what the server can (FEP-844e).
	Implements []string
	Raw        json.RawMessage
}

// Field is a line of a profile.
type Field struct{ Name, Value string }

// PublicKey is a key for HTTP signatures, in PEM.
type PublicKey struct {
	ID    string
	Owner string
	PEM   string
}

// Multikey is a key for object proofs; Text is its publicKeyMultibase.
type Multikey struct {
	ID         string
	Controller string
	Text       string
}

// Collection is a list, or a page of one.
type Collection struct {
	ID         string
	Type       string
	TotalItems *int
	First      string
	Last       string
	Next       string
	Prev       string
	PartOf     string
	Items      []*Object // links and embedded objects, in their order
	Raw        json.RawMessage
}
