package ap

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-fed/activity/streams"
	"github.com/go-fed/activity/streams/vocab"
)

var noon = time.Date(2026, 12, 1, 12, 0, 0, 5e8, time.FixedZone("EET", 7200))

func pointer(n int) *int { return &n }

func person() Actor {
	return Actor{
		ID: "https://lviv.test/users/olena", Type: "Person", Handle: "olena", Name: "Олена <Коваль>", Summary: "<p>Мости</p>",
		URL: "https://lviv.test/@olena", Inbox: "https://lviv.test/users/olena/inbox", Outbox: "https://lviv.test/users/olena/outbox",
		Followers: "https://lviv.test/users/olena/followers", Following: "https://lviv.test/users/olena/following",
		Featured: "https://lviv.test/users/olena/featured", SharedInbox: "https://lviv.test/inbox",
		ProxyURL: "https://lviv.test/proxyUrl", UploadMedia: "https://lviv.test/uploadMedia",
		Icon: "https://lviv.test/media/1.png", Image: "https://lviv.test/media/2.png", Published: noon.Truncate(time.Second).UTC(),
		Discoverable: true, WebFinger: "olena@lviv.test", AlsoKnownAs: []string{"https://old.test/u"},
		Fields:           []Field{{"Місто", "Львів"}},
		Keys:             []PublicKey{{"https://lviv.test/users/olena#main-key", "https://lviv.test/users/olena", "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"}},
		AssertionMethods: []Multikey{{"https://lviv.test/users/olena#main-ed25519", "https://lviv.test/users/olena", w3cPublic}},
	}
}

func group() Actor {
	a := person()
	a.ID, a.Type, a.Handle = "https://lviv.test/spheres/ecology", "Group", "ecology"
	a.Inbox, a.Moderators, a.OnlyModeratorsPost = a.ID+"/inbox", a.ID+"/moderators", true
	a.Keys, a.AssertionMethods = nil, nil
	return a
}

func cityPoll() Question {
	return Question{
		ID: "https://lviv.test/polls/01a23030-4700-759a-aad0-8264d5795d39", PollID: "01a23030-4700-759a-aad0-8264d5795d39",
		AttributedTo: "https://lviv.test/actor", To: []string{Public}, Cc: []string{"https://lviv.test/actor/followers"},
		URL: "https://lviv.test/polls/01a23030-4700-759a-aad0-8264d5795d39", Name: "Який міст?", Content: "<p>Який міст?</p>",
		Published: noon, Updated: noon, Sphere: "transport", Territory: "UA46060250010015970", Level: 2, MinStatus: "none",
		ResultsPolicy: "afterVote", K: 10, OpensAt: noon, EndTime: noon.Add(72 * time.Hour),
		Options:     []Option{{ID: "o1", Name: "Північний", Votes: pointer(3)}, {ID: "o2", Name: "Південний", Votes: pointer(4)}},
		VotersCount: 7, Result: "https://lviv.test/polls/x/results/1",
	}
}

func (q Question) bytes(t testing.TB) []byte {
	t.Helper()
	obj, err := q.Object()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := Encode(obj)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestActorsReadBackAsWritten(t *testing.T) {
	t.Parallel()
	for _, want := range []Actor{person(), group()} {
		raw, err := want.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseActor(raw)
		if err != nil {
			t.Fatal(err)
		}
		got.Raw = nil
		if !reflect.DeepEqual(*got, want) {
			t.Errorf("got  %+v\nwant %+v", *got, want)
		}
	}
}

// TestOpenQuestionTellsNoNumber is rule 6 of the voting rules at the last
// place before the wire: whatever the caller filled in.
func TestOpenQuestionTellsNoNumber(t *testing.T) {
	t.Parallel()
	q := cityPoll()
	for _, q.Multiple = range []bool{false, true} {
		raw := q.bytes(t)
		for _, word := range []string{"replies", "totalItems", "votersCount", "closed", `"result"`} {
			if bytes.Contains(raw, []byte(`"`+strings.Trim(word, `"`)+`":`)) && !bytes.Contains(contextJSON, []byte(`"`+word+`"`)) {
				t.Errorf("an open poll says %s: %s", word, raw)
			}
		}
		o, err := ParseObject(raw)
		if err != nil {
			t.Fatal(err)
		}
		if o.VotersCount != nil || o.Closed != (time.Time{}) {
			t.Errorf("an open poll read back has %v voters, closed %s", o.VotersCount, o.Closed)
		}
		for _, option := range append(o.OneOf, o.AnyOf...) {
			if option.Votes != nil {
				t.Errorf("an open poll tells %d votes for %s", *option.Votes, option.Name)
			}
		}
	}
}

func TestQuestionsReadBackAsWritten(t *testing.T) {
	t.Parallel()
	q := cityPoll()
	open, err := ParseObject(q.bytes(t))
	if err != nil {
		t.Fatal(err)
	}
	q.Closed = q.EndTime
	closed, err := ParseObject(q.bytes(t))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(closed.OneOf, q.Options) || *closed.VotersCount != 7 || !closed.Closed.Equal(q.EndTime.Truncate(time.Second)) {
		t.Errorf("closed = %+v", closed)
	}
	if open.PollDigest == "" || open.PollDigest != closed.PollDigest {
		t.Errorf("the core changed with the close: %s, %s", open.PollDigest, closed.PollDigest)
	}
	if open.PollID != q.PollID || open.Territory != q.Territory || open.Sphere != q.Sphere || open.URL != q.URL {
		t.Errorf("open = %+v", open)
	}
	q.Options[0].Name = "Інший"
	changed, err := ParseObject(q.bytes(t))
	if err != nil {
		t.Fatal(err)
	}
	if changed.PollDigest == open.PollDigest {
		t.Error("another wording, the same digest")
	}
}

// TestQuestionsOfTheExamples writes and signs the published examples anew and
// gets them byte by byte.
func TestQuestionsOfTheExamples(t *testing.T) {
	t.Parallel()
	dir := sharedData(t, "examples")
	var keys map[string]struct {
		Secret string `json:"secretKeyMultibase"`
	}
	decode(t, readFile(t, filepath.Join(dir, "keys-TEST-ONLY.json")), &keys)
	for _, name := range []string{"question-open.json", "question-closed.json", "question-approval-open.json", "poll-multi-open.json"} {
		raw := readFile(t, filepath.Join(dir, name))
		obj, err := questionFrom(t, raw).Object()
		if err != nil {
			t.Fatal(err)
		}
		method, created, err := ProofMethod(raw)
		if err != nil {
			t.Fatal(err)
		}
		key, err := DecodeSecretMultikey(keys[method].Secret)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Sign(obj, key, method, created)
		if err != nil {
			t.Fatal(err)
		}
		want, err := Canonical(raw)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
		}
	}
}

// questionFrom fills the fields from a published example.
func questionFrom(t testing.TB, raw []byte) Question {
	t.Helper()
	o, err := ParseObject(raw)
	if err != nil {
		t.Fatal(err)
	}
	var rest struct {
		K          int
		Electorate struct {
			Level     int
			MinStatus string
		}
		TrustList Ref
		Result    string
		Questions []struct {
			QuestionID, QuestionType, Name string
			Options                        []struct{ OptionID, Name string }
		}
	}
	decode(t, raw, &rest)
	q := Question{
		ID: o.ID, PollID: o.PollID, AttributedTo: o.AttributedTo, To: o.To, Cc: o.Cc, URL: o.URL, Name: o.Name, Content: o.Content,
		Published: o.Published, Updated: o.Updated, Sphere: o.Sphere, Territory: o.Territory, Level: rest.Electorate.Level,
		MinStatus: rest.Electorate.MinStatus, ResultsPolicy: o.ResultsPolicy, K: rest.K, OpensAt: o.OpensAt, EndTime: o.EndTime,
		TalliesDue: o.TalliesDue, TrustList: rest.TrustList, Options: append(o.OneOf, o.AnyOf...), Multiple: len(o.AnyOf) > 0,
		Closed: o.Closed, Result: rest.Result,
	}
	if o.VotersCount != nil {
		q.VotersCount = *o.VotersCount
	}
	for _, p := range rest.Questions {
		part := Part{ID: p.QuestionID, Type: p.QuestionType, Name: p.Name}
		for _, option := range p.Options {
			part.Options = append(part.Options, Option{ID: option.OptionID, Name: option.Name})
		}
		q.Parts = append(q.Parts, part)
	}
	return q
}

func TestVotesOfOursAreVotes(t *testing.T) {
	t.Parallel()
	e := Envelope{ID: "https://lviv.test/users/olena#votes/1/activity", Actor: "https://lviv.test/users/olena", To: []string{"https://b.test/u"}}
	raw, err := e.Vote("https://lviv.test/users/olena#votes/1", "https://b.test/q", "Так & <ні>")
	if err != nil {
		t.Fatal(err)
	}
	o := mustParse(t, string(raw)).Object
	if o.Type != "Vote" || o.Name != "Так & <ні>" || o.InReplyTo != "https://b.test/q" || !reflect.DeepEqual(o.To, e.To) {
		t.Errorf("vote = %+v", o)
	}
}

// emitted is one of everything that we send or serve.
func emitted(t testing.TB) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	keep := func(name string, raw []byte, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = raw
	}
	for name, kind := range map[string]string{"resident": "Person", "sphere": "Group", "news": "Organization", "city": "Application"} {
		a := person()
		if a.Type = kind; kind == "Group" {
			a = group()
		}
		raw, err := a.Encode()
		keep(name, raw, err)
	}
	q := cityPoll()
	out["question open"] = q.bytes(t)
	q.Multiple = true
	out["question open, several"] = q.bytes(t)
	q.Multiple, q.Closed, q.TalliesDue = false, q.EndTime, q.EndTime.Add(time.Hour)
	q.TrustList = Ref{"https://ukraine.test/trust/2", 2, "sha-256:00"}
	out["question closed"] = q.bytes(t)
	q.Closed = time.Time{}
	q.Parts = []Part{{ID: "q1", Type: "scale", Name: "Стан?", Options: []Option{{ID: "1", Name: "1"}, {ID: "2", Name: "2"}}}}
	q.Options = nil
	out["poll of several questions"] = q.bytes(t)
	obj, err := cityPoll().Object()
	if err != nil {
		t.Fatal(err)
	}
	signed, err := Sign(obj, w3cKey(t), "https://lviv.test/actor#main-ed25519", noon)
	keep("question signed", signed, err)

	post := Post{
		Type: "Note", ID: "https://lviv.test/notes/1", AttributedTo: "https://lviv.test/users/olena", To: []string{Public},
		Cc: []string{"https://lviv.test/users/olena/followers"}, URL: "https://lviv.test/@olena/1", Content: "<p>Привіт, #Львів</p>",
		Language: "uk", InReplyTo: "https://b.test/n", Audience: "https://lviv.test/spheres/ecology", Context: "https://lviv.test/contexts/1",
		Published: noon, Updated: noon, Sensitive: true,
		Tags: []Tag{{Type: "Hashtag", Name: "#Львів", Href: "https://lviv.test/tags/x"}, {Type: "Mention", Name: "@u@b.test", Href: "https://b.test/u"}},
		Attachments: []Attachment{{Type: "Document", URL: "https://lviv.test/m/1.png", MediaType: "image/png", Name: "Міст", Blurhash: "U"},
			{Type: "Link", URL: "https://news.test/", Name: "Website", MediaType: "text/html"}},
	}
	note, err := post.Encode()
	keep("note", note, err)
	post.Type, post.Name, post.Summary, post.InReplyTo, post.Image = "Article", "Про мости", "Коротко", "", "https://lviv.test/m/2.png"
	raw, err := post.Encode()
	keep("article", raw, err)
	post.Type, post.StartTime, post.EndTime, post.EventStatus, post.JoinMode = "Event", noon, noon.Add(time.Hour), "EventScheduled", "external"
	post.JoinURL, post.Timezone = "https://lviv.test/events/1", "Europe/Kyiv"
	post.Place, post.Online = Place{"Ратуша", "пл. Ринок, 1", 49.84, 24.03}, "https://meet.test/x"
	raw, err = post.Encode()
	keep("event", raw, err)

	e := Envelope{ID: "https://lviv.test/activities/1", Actor: "https://lviv.test/users/olena", To: []string{Public}, Cc: []string{"https://b.test/u"}, Published: noon}
	for name, write := range map[string]func() ([]byte, error){
		"create":            func() ([]byte, error) { return e.Create(note) },
		"create question":   func() ([]byte, error) { return e.Create(signed) },
		"update":            func() ([]byte, error) { return e.Update(note) },
		"delete":            func() ([]byte, error) { return e.Delete("https://lviv.test/notes/1") },
		"announce":          func() ([]byte, error) { return e.Announce("https://b.test/n") },
		"announce activity": func() ([]byte, error) { return e.AnnounceActivity(json.RawMessage(mastodonVote)) },
		"follow":            func() ([]byte, error) { return e.Follow("https://b.test/u") },
		"like":              func() ([]byte, error) { return e.Like("https://b.test/n") },
		"accept": func() ([]byte, error) {
			return e.Accept(json.RawMessage(`{"id":"https://b.test/f","type":"Follow","actor":"https://b.test/u","object":"https://lviv.test/users/olena"}`))
		},
		"reject": func() ([]byte, error) {
			return e.Reject(json.RawMessage(`{"id":"https://b.test/f","type":"Follow","actor":"https://b.test/u","object":"https://lviv.test/users/olena"}`))
		},
		"undo": func() ([]byte, error) {
			return e.Undo(json.RawMessage(`{"id":"https://lviv.test/l","type":"Like","actor":"https://lviv.test/users/olena","object":"https://b.test/n"}`))
		},
		"add": func() ([]byte, error) {
			return e.Add("https://lviv.test/notes/1", "https://lviv.test/users/olena/featured")
		},
		"remove": func() ([]byte, error) {
			return e.Remove("https://lviv.test/notes/1", "https://lviv.test/users/olena/featured")
		},
		"flag": func() ([]byte, error) { return e.Flag([]string{"https://b.test/u", "https://b.test/n"}, "спам") },
		"vote": func() ([]byte, error) {
			return e.Vote("https://lviv.test/users/olena#votes/1", "https://b.test/q", "Так")
		},
		"tombstone": func() ([]byte, error) { return Tombstone("https://lviv.test/notes/1", "Note", noon) },
		"collection": func() ([]byte, error) {
			return EncodeCollection(Collection{ID: "https://lviv.test/users/olena/outbox", TotalItems: pointer(2), First: "https://lviv.test/users/olena/outbox?page=1"})
		},
		"page": func() ([]byte, error) {
			return EncodePage(Collection{ID: "https://lviv.test/users/olena/outbox?page=1", PartOf: "https://lviv.test/users/olena/outbox",
				Next: "https://lviv.test/users/olena/outbox?page=2"}, []any{"https://b.test/n", json.RawMessage(note)})
		},
		"empty page": func() ([]byte, error) {
			return EncodePage(Collection{ID: "https://lviv.test/o?page=1", PartOf: "https://lviv.test/o"}, nil)
		},
		"list": func() ([]byte, error) {
			return EncodeList("https://lviv.test/users/olena/featured", []any{"https://lviv.test/notes/1"})
		},
	} {
		raw, err := write()
		keep(name, raw, err)
	}
	return out
}

// TestGoFedReadsTheSame: a reader that shares no line with ours takes every
// object that we emit, by its type, and writes the same members again.
func TestGoFedReadsTheSame(t *testing.T) {
	t.Parallel()
	for name, raw := range emitted(t) {
		var ours map[string]any
		decode(t, raw, &ours)
		var input map[string]any
		decode(t, raw, &input)
		typed, err := streams.ToType(context.Background(), input)
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, raw)
			continue
		}
		if typed.GetTypeName() != ours["type"] {
			t.Errorf("%s: type %s, want %s", name, typed.GetTypeName(), ours["type"])
		}
		theirs, err := streams.Serialize(typed)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		same(t, name, ours, plain(t, theirs))
	}
}

// plain brings what go-fed wrote to the types of encoding/json.
func plain(t testing.TB, v map[string]any) map[string]any {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	decode(t, raw, &out)
	return out
}

// same compares every member of ours. go-fed writes its own @context, and a
// list of one as its only entry.
func same(t *testing.T, path string, ours, theirs any) {
	t.Helper()
	ours, theirs = single(ours), single(theirs)
	switch o := ours.(type) {
	case map[string]any:
		th, ok := theirs.(map[string]any)
		if !ok {
			t.Errorf("%s: %v, want %v", path, theirs, ours)
			return
		}
		for name, value := range o {
			// go-fed keeps content or contentMap, not both; ours say the same.
			if by, ok := value.(map[string]any); ok && name == "contentMap" && by["uk"] == o["content"] {
				continue
			}
			if name != "@context" {
				same(t, path+"."+name, value, th[name])
			}
		}
		for name, value := range th {
			if _, ok := o[name]; !ok && name != "@context" {
				t.Errorf("%s: go-fed adds %s = %v", path, name, value)
			}
		}
	case []any:
		th, ok := theirs.([]any)
		if !ok || len(th) != len(o) {
			t.Errorf("%s: %v, want %v", path, theirs, ours)
			return
		}
		for i := range o {
			same(t, path, o[i], th[i])
		}
	default:
		if !reflect.DeepEqual(ours, theirs) {
			t.Errorf("%s: %#v, want %#v", path, theirs, ours)
		}
	}
}

func single(v any) any {
	if l, ok := v.([]any); ok && len(l) == 1 {
		return l[0]
	}
	return v
}

// TestGoFedUnderstandsThePoll asks go-fed's typed reader, not its memory of
// unknown members.
func TestGoFedUnderstandsThePoll(t *testing.T) {
	t.Parallel()
	q := cityPoll()
	q.Closed = q.EndTime
	var input map[string]any
	decode(t, q.bytes(t), &input)
	typed, err := streams.ToType(context.Background(), input)
	if err != nil {
		t.Fatal(err)
	}
	question, ok := typed.(vocab.ActivityStreamsQuestion)
	if !ok {
		t.Fatalf("%T is no Question", typed)
	}
	oneOf := question.GetActivityStreamsOneOf()
	if oneOf == nil || oneOf.Len() != 2 {
		t.Fatalf("oneOf = %v", oneOf)
	}
	for i := range oneOf.Len() {
		option := oneOf.At(i).GetActivityStreamsNote()
		got := option.GetActivityStreamsName().At(0).GetXMLSchemaString()
		votes := option.GetActivityStreamsReplies().GetActivityStreamsCollection().GetActivityStreamsTotalItems().Get()
		if got != q.Options[i].Name || votes != *q.Options[i].Votes {
			t.Errorf("option %d = %q with %d, want %q with %d", i, got, votes, q.Options[i].Name, *q.Options[i].Votes)
		}
	}
	if got := question.GetActivityStreamsClosed().At(0).GetXMLSchemaDateTime(); !got.Equal(q.Closed.Truncate(time.Second)) {
		t.Errorf("closed = %s, want %s", got, q.Closed)
	}
	if got := question.GetActivityStreamsEndTime().Get(); !got.Equal(q.EndTime.Truncate(time.Second)) {
		t.Errorf("endTime = %s, want %s", got, q.EndTime)
	}
}

// TestEveryWordIsDefined: servers that process JSON-LD lose what the context
// doesn't define, so each member is ActivityStreams' or in the object's own
// context.
func TestEveryWordIsDefined(t *testing.T) {
	t.Parallel()
	for name, raw := range emitted(t) {
		root, _, err := readJSON(raw)
		if err != nil {
			t.Fatal(err)
		}
		undefined(t, name, &root, nil)
	}
}

// vocabulary is ActivityStreams 2.0 with what https://w3id.org/security/v1 and
// data-integrity v2 add, as far as we use them.
var vocabulary = strings.Fields(`id type actor object target result to cc audience attributedTo name nameMap summary content contentMap
	published updated startTime endTime closed oneOf anyOf replies totalItems inReplyTo url href mediaType tag attachment icon image
	context location latitude longitude first last next prev partOf items orderedItems formerType deleted
	inbox outbox followers following preferredUsername endpoints sharedInbox proxyUrl uploadMedia publicKey owner publicKeyPem
	proof verificationMethod proofPurpose proofValue cryptosuite created`)

func undefined(t *testing.T, path string, n *node, words []string) {
	t.Helper()
	if context := n.get("@context"); context != nil {
		words = slices.Clone(words)
		for _, one := range oneOrMany(context) {
			words = append(words, one.names...)
		}
	}
	for i, name := range n.names {
		if name == "@context" {
			continue
		}
		if name == "memorial" || strings.HasSuffix(path, ".contentMap") {
			continue
		}
		if !slices.Contains(vocabulary, name) && !slices.Contains(words, name) {
			t.Errorf("%s: nothing defines %q", path, name)
		}
		undefined(t, path+"."+name, &n.items[i], words)
	}
	if n.kind == list {
		for i := range n.items {
			undefined(t, path, &n.items[i], words)
		}
	}
}

func TestSameObjectSameBytes(t *testing.T) {
	t.Parallel()
	one, two := emitted(t), emitted(t)
	for name := range one {
		if !bytes.Equal(one[name], two[name]) {
			t.Errorf("%s: two different encodings:\n%s\n%s", name, one[name], two[name])
		}
		if bytes.Contains(one[name], []byte(`\u003c`)) {
			t.Errorf("%s: HTML escapes", name)
		}
	}
	if err := VerifyProof(one["question signed"], w3cKey(t).Public().(ed25519.PublicKey)); err != nil {
		t.Errorf("the signed question: %v", err)
	}
}

// TestProofOutlivesTheEnvelope: a signed object wrapped into a Create is read
// out of it with its proof whole.
func TestProofOutlivesTheEnvelope(t *testing.T) {
	t.Parallel()
	a, err := Parse(emitted(t)["create question"])
	if err != nil {
		t.Fatal(err)
	}
	if err := VerifyProof(a.Object.Raw, w3cKey(t).Public().(ed25519.PublicKey)); err != nil {
		t.Errorf("VerifyProof: %v", err)
	}
}
