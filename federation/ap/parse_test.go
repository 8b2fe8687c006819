package ap

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// create wraps an object's members into a Create, for tests of one member.
func create(object string) string {
	return `{"@context":"https://www.w3.org/ns/activitystreams","id":"https://a.test/1","type":"Create","actor":"https://a.test/u","object":` + object + `}`
}

func note(members string) string {
	return create(`{"id":"https://a.test/n","type":"Note","attributedTo":"https://a.test/u",` + members + `}`)
}

func mustParse(t testing.TB, raw string) *Activity {
	t.Helper()
	a, err := Parse([]byte(raw))
	if err != nil {
		t.Fatalf("Parse: %v\n%s", err, raw)
	}
	return a
}

// Mastodon's vote, with its ids that have fragments, and bare to.
const mastodonVote = `{"@context":"https://www.w3.org/ns/activitystreams","id":"https://mastodon.example/users/bob#votes/827163/activity",
"type":"Create","actor":"https://mastodon.example/users/bob","to":"https://lviv.test/actor","object":{"id":"https://mastodon.example/users/bob#votes/827163",
"type":"Note","name":"Так","attributedTo":"https://mastodon.example/users/bob","to":"https://lviv.test/actor","inReplyTo":"https://lviv.test/polls/1"}}`

// GoToSocial's votes for two options in one Create.
const gotosocialVote = `{"@context":"https://www.w3.org/ns/activitystreams","id":"https://gts.example/users/olha/activity#vote",
"type":"Create","actor":"https://gts.example/users/olha","to":"https://lviv.test/actor","object":[
{"id":"https://gts.example/users/olha#01K/votes/1","type":"Note","name":"Перша","attributedTo":"https://gts.example/users/olha","to":"https://lviv.test/actor","inReplyTo":"https://lviv.test/polls/1"},
{"id":"https://gts.example/users/olha#01K/votes/2","type":"Note","name":"Третя","attributedTo":"https://gts.example/users/olha","to":"https://lviv.test/actor","inReplyTo":"https://lviv.test/polls/1"}]}`

// Lemmy's post, as its community passes it on.
const lemmyAnnounce = `{"@context":["https://join-lemmy.org/context.json","https://www.w3.org/ns/activitystreams"],
"actor":"https://lemmy.test/c/roads","to":["https://www.w3.org/ns/activitystreams#Public"],
"object":{"id":"https://lemmy.test/activities/create/1","actor":"https://lemmy.test/u/nina","type":"Create","to":["https://lemmy.test/c/roads","as:Public"],
"cc":[],"audience":"https://lemmy.test/c/roads","object":{"type":"Page","id":"https://lemmy.test/post/7","attributedTo":"https://lemmy.test/u/nina",
"to":["https://lemmy.test/c/roads","https://www.w3.org/ns/activitystreams#Public"],"name":"Дорога","content":"<p>Де?</p>","mediaType":"text/html",
"source":{"content":"Де?","mediaType":"text/markdown"},"attachment":[{"href":"https://news.test/a","type":"Link"}],"sensitive":false,
"language":{"identifier":"uk","name":"Українська"},"published":"2026-11-23T08:00:00.123456Z","audience":"https://lemmy.test/c/roads"}},
"cc":["https://lemmy.test/c/roads/followers"],"type":"Announce","id":"https://lemmy.test/activities/announce/1"}`

func TestVotesAreRecognised(t *testing.T) {
	t.Parallel()
	a := mustParse(t, mastodonVote)
	o := a.Object
	if o.Type != "Vote" || o.Name != "Так" || o.InReplyTo != "https://lviv.test/polls/1" || o.AttributedTo != a.Actor {
		t.Errorf("Mastodon's vote = %+v", o)
	}
	if a.ID != "https://mastodon.example/users/bob#votes/827163/activity" || !reflect.DeepEqual(a.To, []string{"https://lviv.test/actor"}) {
		t.Errorf("its activity = %s to %v", a.ID, a.To)
	}

	a = mustParse(t, gotosocialVote)
	if len(a.Objects) != 2 || a.Object != a.Objects[0] {
		t.Fatalf("GoToSocial's votes: %d objects", len(a.Objects))
	}
	for i, want := range []string{"Перша", "Третя"} {
		if o := a.Objects[i]; o.Type != "Vote" || o.Name != want {
			t.Errorf("vote %d = %s %q, want Vote %q", i, o.Type, o.Name, want)
		}
	}

	for name, c := range map[string]struct{ members, want string }{
		"with content":            {`"name":"Так","inReplyTo":"https://a.test/q","content":"думаю"`, "Note"},
		"with contentMap alone":   {`"name":"Так","inReplyTo":"https://a.test/q","contentMap":{"uk":"думаю"}`, "Note"},
		"with content, odd kind":  {`"name":"Так","inReplyTo":"https://a.test/q","content":["думаю"]`, "Note"},
		"with null content":       {`"name":"Так","inReplyTo":"https://a.test/q","content":null`, "Vote"},
		"with empty content":      {`"name":"Так","inReplyTo":"https://a.test/q","content":""`, "Vote"},
		"in reply to nothing":     {`"name":"Так","inReplyTo":null`, "Note"},
		"without a name":          {`"inReplyTo":"https://a.test/q"`, "Note"},
		"in reply to an object":   {`"name":"Так","inReplyTo":{"id":"https://a.test/q","type":"Question"}`, "Vote"},
		"in reply to a list":      {`"name":"Так","inReplyTo":["https://a.test/q"]`, "Vote"},
		"in reply to unknown":     {`"name":"Так","inReplyTo":{"id":"https://a.test/q","type":"Survey"}`, "Vote"},
		"type in a list":          {`"name":"Так","inReplyTo":"https://a.test/q"`, "Vote"},
		"in reply to a no-adress": {`"name":"Так","inReplyTo":"javascript:alert(1)"`, "Note"},
	} {
		if got := mustParse(t, note(c.members)).Object.Type; got != c.want {
			t.Errorf("%s: type = %s, want %s", name, got, c.want)
		}
	}
}

// TestNamesOfOptionsStayExact: go-ap would unescape them a second time, and
// read one that looks like JSON as JSON.
func TestNamesOfOptionsStayExact(t *testing.T) {
	t.Parallel()
	for _, name := range []string{`Так\n`, `{"a":"b"}`, `"Так"`, `  Так `, "Та\u0301к", `<b>Так</b> & інше`, `123`} {
		raw, err := marshal(map[string]any{
			"id": "https://a.test/n", "type": "Note", "inReplyTo": "https://a.test/q", "name": name,
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := mustParse(t, create(string(raw))).Object.Name; got != name {
			t.Errorf("Name = %q, want %q", got, name)
		}
	}
}

func TestGroupPassesOnAnActivity(t *testing.T) {
	t.Parallel()
	a := mustParse(t, lemmyAnnounce)
	if a.Type != "Announce" || a.Actor != "https://lemmy.test/c/roads" {
		t.Fatalf("outer = %s by %s", a.Type, a.Actor)
	}
	inner := a.Object
	if inner.Type != "Create" || inner.Actor != "https://lemmy.test/u/nina" || inner.Audience != "https://lemmy.test/c/roads" {
		t.Errorf("inner = %+v", inner)
	}
	if want := []string{"https://lemmy.test/c/roads", Public}; !reflect.DeepEqual(inner.To, want) {
		t.Errorf("inner.To = %v, want %v", inner.To, want)
	}
	page := inner.Object
	if page == nil || page.Type != "Page" || page.Name != "Дорога" || page.Content != "<p>Де?</p>" || page.ID != "https://lemmy.test/post/7" {
		t.Fatalf("page = %+v", page)
	}
	if len(page.Attachments) != 1 || page.Attachments[0].URL != "https://news.test/a" {
		t.Errorf("attachments = %+v", page.Attachments)
	}
	if want := time.Date(2026, 11, 23, 8, 0, 0, 123456000, time.UTC); !page.Published.Equal(want) {
		t.Errorf("published = %s, want %s", page.Published, want)
	}
	// What the community passed on is there byte for byte.
	if i := strings.Index(lemmyAnnounce, `{"id":"https://lemmy.test/activities/create/1"`); !strings.HasPrefix(lemmyAnnounce[i:], string(inner.Raw)) {
		t.Errorf("inner.Raw = %s", inner.Raw)
	}
}

func TestQuestionsOfOthers(t *testing.T) {
	t.Parallel()
	question := func(members string) *Object {
		t.Helper()
		return mustParse(t, create(`{"id":"https://a.test/q","type":"Question",`+members+`}`)).Object
	}
	o := question(`"votersCount":7,"oneOf":[{"type":"Note","name":"А","replies":{"type":"Collection","totalItems":5}},{"type":"Note","name":"Б"}],"endTime":"2026-12-01T10:00:00+02:00"`)
	if o.VotersCount == nil || *o.VotersCount != 7 || len(o.OneOf) != 2 || *o.OneOf[0].Votes != 5 || o.OneOf[1].Votes != nil {
		t.Errorf("question = %+v", o)
	}
	if want := time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC); !o.EndTime.Equal(want) {
		t.Errorf("EndTime = %s, want %s", o.EndTime, want)
	}
	if !o.Closed.IsZero() {
		t.Errorf("Closed = %s, want none", o.Closed)
	}
	end := time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)
	for closed, want := range map[string]time.Time{
		`"2026-11-30T00:00:00Z"`: time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC),
		`true`:                   end,
		`"true"`:                 end,
		`false`:                  {},
		`"false"`:                {}, // what go-ap writes for an open one
		`null`:                   {},
		`{"a":1}`:                {},
	} {
		if got := question(`"anyOf":{"name":"А"},"endTime":"2026-12-01T08:00:00Z","closed":` + closed).Closed; !got.Equal(want) {
			t.Errorf("closed %s: Closed = %s, want %s", closed, got, want)
		}
	}
	if o := question(`"anyOf":{"type":"Note","name":"одна"}`); len(o.AnyOf) != 1 || o.AnyOf[0].Name != "одна" {
		t.Errorf("a list of one without brackets: %+v", o.AnyOf)
	}
	for _, n := range []string{`-1`, `1.5`, `1e3`, `"7"`, `1e999`, `99999999999999999999`, `null`, `[]`} {
		if o := question(`"oneOf":[{"name":"А"}],"votersCount":` + n); o.VotersCount != nil {
			t.Errorf("votersCount %s read as %d", n, *o.VotersCount)
		}
	}
}

func TestWordsOfSeveralLanguages(t *testing.T) {
	t.Parallel()
	for members, want := range map[string][2]string{
		`"content":"<p>a</p>"`: {"<p>a</p>", ""},
		`"content":"<p>a</p>","contentMap":{"uk":"<p>a</p>","en":"<p>b</p>"}`:     {"<p>a</p>", "uk"},
		`"contentMap":{"de":"<p>d</p>","en":"<p>e</p>","uk":"<p>u</p>"}`:          {"<p>u</p>", "uk"},
		`"contentMap":{"pl":"<p>p</p>","de":"<p>d</p>"}`:                          {"<p>d</p>", "de"},
		`"content":{"en":"<p>e</p>"}`:                                             {"<p>e</p>", "en"},
		`"content":7`:                                                             {"", ""},
		`"content":"{\"a\":1}"`:                                                   {`{"a":1}`, ""},
		`"content":"C:\\new\\text"`:                                               {`C:\new\text`, ""},
		`"contentMap":{"uk":["x"]}`:                                               {"", ""},
		`"content":"<p>a</p>","contentMap":"<p>x</p>"`:                            {"<p>a</p>", ""},
		`"content":"<p>a</p>","contentMap":{"":"<p>a</p>"}`:                       {"<p>a</p>", ""},
		`"content":"<p>a</p>","contentMap":{"en":"<p>a</p>","uk":"<p>a</p>"}`:     {"<p>a</p>", "en"},
		`"content":"","contentMap":{"en":"<p>a</p>"},"summary":"s","name":"imja"`: {"<p>a</p>", "en"},
	} {
		o := mustParse(t, note(members)).Object
		if o.Content != want[0] || o.Language != want[1] {
			t.Errorf("%s: content = %q in %q, want %q in %q", members, o.Content, o.Language, want[0], want[1])
		}
	}
}

func TestShapesOfLinks(t *testing.T) {
	t.Parallel()
	for members, want := range map[string]string{
		`"url":"https://a.test/@u/1"`: "https://a.test/@u/1",
		`"url":{"type":"Link","href":"https://a.test/@u/1","mediaType":"text/html"}`:                                                                      "https://a.test/@u/1",
		`"url":[{"type":"Link","href":"https://a.test/v.mp4","mediaType":"video/mp4"},{"type":"Link","href":"https://a.test/w","mediaType":"text/html"}]`: "https://a.test/w",
		`"url":["https://a.test/x","https://a.test/y"]`:                                                                                                   "https://a.test/x",
		`"url":"https://victim.test/x"`:                    "", // another host
		`"url":"javascript:alert(1)"`:                      "",
		`"url":null`:                                       "",
		`"url":["javascript:alert(1)","https://a.test/y"]`: "https://a.test/y",
	} {
		if got := mustParse(t, note(members)).Object.URL; got != want {
			t.Errorf("%s: URL = %q, want %q", members, got, want)
		}
	}
	o := mustParse(t, note(`"to":{"id":"https://b.test/u"},"cc":["Public",7,null,"acct:x@y",{"type":"Person","id":"https://c.test/u"}],
		"tag":{"type":"Hashtag","name":"#Львів","href":"https://a.test/tags/x"},
		"image":{"type":"Image","url":"https://m.test/i.png"},"icon":[{"type":"Image","url":[{"type":"Link","href":"https://m.test/j.png"}]}],
		"attachment":{"type":"Document","mediaType":"image/png","url":"https://m.test/k.png","name":"Міст","blurhash":"U"},
		"location":{"type":"Place","name":"Ратуша","address":{"type":"PostalAddress","streetAddress":"пл. Ринок, 1","addressLocality":"Львів"},"latitude":49.84,"longitude":-24.03},
		"startTime":"2026-12-05T18:00:00+02:00","audience":["https://g.test/c"],"replies":{"id":"https://a.test/r","type":"Collection"}`)).Object
	if !reflect.DeepEqual(o.To, []string{"https://b.test/u"}) || !reflect.DeepEqual(o.Cc, []string{Public, "https://c.test/u"}) {
		t.Errorf("to %v, cc %v", o.To, o.Cc)
	}
	if want := []Tag{{Type: "Hashtag", Name: "#Львів", Href: "https://a.test/tags/x"}}; !reflect.DeepEqual(o.Tags, want) {
		t.Errorf("tags = %+v, want %+v", o.Tags, want)
	}
	if o.Image != "https://m.test/i.png" || o.Icon != "https://m.test/j.png" {
		t.Errorf("image %q, icon %q", o.Image, o.Icon)
	}
	if want := []Attachment{{Type: "Document", URL: "https://m.test/k.png", MediaType: "image/png", Name: "Міст", Blurhash: "U"}}; !reflect.DeepEqual(o.Attachments, want) {
		t.Errorf("attachments = %+v", o.Attachments)
	}
	if want := (Place{Name: "Ратуша", Address: "пл. Ринок, 1, Львів", Latitude: 49.84, Longitude: -24.03}); o.Place != want {
		t.Errorf("place = %+v, want %+v", o.Place, want)
	}
	if want := time.Date(2026, 12, 5, 16, 0, 0, 0, time.UTC); !o.StartTime.Equal(want) || o.Audience != "https://g.test/c" || o.Replies != "https://a.test/r" {
		t.Errorf("start %s, audience %q, replies %q", o.StartTime, o.Audience, o.Replies)
	}
}

func TestTypesInLists(t *testing.T) {
	t.Parallel()
	for types, want := range map[string]string{
		`["Question","Note"]`:              "Question",
		`["https://x.test/Odd","Note"]`:    "Note",
		`["Odd","Odder"]`:                  "Odd",
		`[7,"Note"]`:                       "Note",
		`"Tally"`:                          "Tally",
		`{"a":"Note"}`:                     "",
		`["http://schema.org/X",["Note"]]`: "http://schema.org/X",
	} {
		raw := create(`{"id":"https://a.test/n","type":` + types + `,"content":"x"}`)
		if got := mustParse(t, raw).Object.Type; got != want {
			t.Errorf("type %s = %q, want %q", types, got, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	long := "https://a.test/" + strings.Repeat("x", 10_000)
	activity := func(members string) string {
		return `{"type":"Create","object":"https://a.test/n",` + members + `}`
	}
	for name, c := range map[string]struct{ raw, code string }{
		"empty":                  {``, "json"},
		"a list":                 {`[]`, "form"},
		"a text":                 {`"x"`, "form"},
		"a name twice":           {activity(`"id":"https://a.test/1","actor":"https://a.test/u","actor":"https://victim.test/u"`), "json"},
		"a name twice, escaped":  {activity(`"id":"https://a.test/1","actor":"https://a.test/u","\u0061ctor":"https://victim.test/u"`), "json"},
		"a name twice, deep":     {note(`"tag":[{"a":1,"a":2}]`), "json"},
		"lone surrogate":         {note(`"content":"\ud800"`), "json"},
		"NUL in a text":          {note(`"content":"a\u0000b"`), "form"},
		"NUL in a name":          {note(`"a\u0000b":1`), "form"},
		"NUL in a context":       {`{"@context":{"a":"\u0000"},"id":"https://a.test/1","type":"Like","actor":"https://a.test/u"}`, "form"},
		"@graph":                 {activity(`"id":"https://a.test/1","actor":"https://a.test/u","@graph":[]`), "form"},
		"@included":              {note(`"@included":{}`), "form"},
		"@reverse":               {note(`"tag":[{"@reverse":{}}]`), "form"},
		"no id":                  {activity(`"actor":"https://a.test/u"`), "form"},
		"id null":                {activity(`"id":null,"actor":"https://a.test/u"`), "form"},
		"id a number":            {activity(`"id":7,"actor":"https://a.test/u"`), "form"},
		"id a list":              {activity(`"id":["https://a.test/1"],"actor":"https://a.test/u"`), "form"},
		"id an object":           {activity(`"id":{"id":"https://a.test/1"},"actor":"https://a.test/u"`), "form"},
		"id of 10 kB":            {activity(`"id":"` + long + `","actor":"https://a.test/u"`), "form"},
		"id without host":        {activity(`"id":"https:///x","actor":"https://a.test/u"`), "form"},
		"id with a user":         {activity(`"id":"https://victim.test@a.test/x","actor":"https://a.test/u"`), "form"},
		"id with a space":        {activity(`"id":"https://a.test/ x","actor":"https://a.test/u"`), "form"},
		"id of another scheme":   {activity(`"id":"ftp://a.test/x","actor":"https://a.test/u"`), "form"},
		"id that is opaque":      {activity(`"id":"https:a.test","actor":"https://a.test/u"`), "form"},
		"id only as @id":         {activity(`"@id":"https://a.test/1","actor":"https://a.test/u"`), "form"},
		"no actor":               {activity(`"id":"https://a.test/1"`), "form"},
		"two actors":             {activity(`"id":"https://a.test/1","actor":["https://a.test/u","https://victim.test/u"]`), "form"},
		"one actor in a list":    {activity(`"id":"https://a.test/1","actor":["https://a.test/u"]`), "form"},
		"attributed to a list":   {activity(`"id":"https://a.test/1","actor":"https://a.test/u","attributedTo":["https://a.test/u"]`), "form"},
		"no type":                {`{"id":"https://a.test/1","actor":"https://a.test/u"}`, "form"},
		"object a number":        {create(`7`), "form"},
		"object no address":      {create(`"hello"`), "form"},
		"object with null id":    {create(`{"id":null,"type":"Note"}`), "form"},
		"object with odd id":     {create(`{"id":["https://a.test/n"],"type":"Note"}`), "form"},
		"authors of two hosts":   {create(`{"id":"https://a.test/n","type":"Note","attributedTo":["https://victim.test/u","https://a.test/u"]}`), "form"},
		"an odd author":          {create(`{"id":"https://a.test/n","type":"Note","attributedTo":7}`), "form"},
		"501 options":            {create(`{"id":"https://a.test/q","type":"Question","oneOf":[` + strings.Repeat(`{"name":"a"},`, 500) + `{"name":"b"}]}`), "form"},
		"an option without name": {create(`{"id":"https://a.test/q","type":"Question","oneOf":[{"type":"Note"}]}`), "form"},
		"501 objects":            {create(`[` + strings.Repeat(`"https://a.test/n",`, 500) + `"https://a.test/n"]`), "form"},
		"announces in announces": {create(strings.Repeat(`{"id":"https://a.test/n","type":"Announce","actor":"https://a.test/u","object":`, 6) + `"https://a.test/n"` + strings.Repeat(`}`, 6)), "form"},
		"nested 200 deep":        {note(`"tag":` + strings.Repeat("[", 200) + strings.Repeat("]", 200)), "json"},
		"1 MB and a byte":        {note(`"content":"` + strings.Repeat("x", MaxBytes) + `"`), "form"},
		"a million values":       {note(`"tag":[` + strings.Repeat("0,", 400_000) + `0]`), "json"},
	} {
		a, err := Parse([]byte(c.raw))
		if FaultCode(err) != c.code {
			t.Errorf("%s: Parse = %+v, %v, want the fault %q", name, a, err, c.code)
		}
	}
}

func TestOddThingsThatAreTolerated(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string]string{
		"huge number":            note(`"x":1e999`),
		"long number":            note(`"x":` + strings.Repeat("9", 100_000)),
		"year 9999":              note(`"published":"9999-12-31T23:59:59Z"`),
		"year 1":                 note(`"published":"0001-01-01T00:00:00Z"`),
		"negative year":          note(`"published":"-0001-01-01T00:00:00Z"`),
		"empty duration":         note(`"duration":""`), // go-fed panics here
		"content an object":      note(`"content":{"a":{"b":1}}`),
		"as:actor beside actor":  `{"as:actor":"https://victim.test/u","id":"https://a.test/1","type":"Like","actor":"https://a.test/u","object":"https://b.test/n"}`,
		"actor embedded":         `{"id":"https://a.test/1","type":"Like","actor":{"id":"https://a.test/u","type":"Person"},"object":"https://b.test/n"}`,
		"no object":              `{"id":"https://a.test/1","type":"Arrive","actor":"https://a.test/u"}`,
		"unknown activity":       `{"id":"https://a.test/1","type":"EmojiReact","actor":"https://a.test/u","object":"https://b.test/n","content":"🔥"}`,
		"@reverse in a context":  `{"@context":{"x":{"@reverse":"y"}},"id":"https://a.test/1","type":"Like","actor":"https://a.test/u","object":"https://b.test/n"}`,
		"object is an activity":  create(`{"id":"https://a.test/t","type":"Tally","attributedTo":"https://a.test/u","verified":{"ballots":3}}`),
		"authors of one host":    create(`{"id":"https://a.test/v","type":"Video","attributedTo":[{"type":"Person","id":"https://a.test/u"},"https://a.test/c"]}`),
		"ten thousand addresses": note(`"cc":[` + strings.Repeat(`"https://b.test/u",`, 9_999) + `"https://b.test/u"]`),
	} {
		a := mustParse(t, raw)
		if a.Actor != "https://a.test/u" {
			t.Errorf("%s: actor = %q", name, a.Actor)
		}
		if a.Object != nil && a.Object.Published.Year() > 2262 {
			t.Errorf("%s: published = %s", name, a.Object.Published)
		}
		if a.Object != nil && len(a.Object.Cc) > maxAddresses {
			t.Errorf("%s: %d addresses", name, len(a.Object.Cc))
		}
	}
}

// TestManyAddressesAreCheap: handed to go-ap whole, this body takes seconds.
func TestManyAddressesAreCheap(t *testing.T) {
	t.Parallel()
	var list []string
	for i := range 5000 {
		list = append(list, fmt.Sprintf(`"https://h%d.test/u"`, i))
	}
	all := "[" + strings.Join(list, ",") + "]"
	raw := note(`"to":` + all + `,"audience":` + all + `,"url":` + all + `,"inReplyTo":` + all)
	start := time.Now()
	a := mustParse(t, raw)
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("Parse took %s", took)
	}
	if len(a.Object.To) != maxAddresses || a.Object.InReplyTo != "https://h0.test/u" {
		t.Errorf("to %d, inReplyTo %q", len(a.Object.To), a.Object.InReplyTo)
	}
}

func TestHostsAreComparedParsed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"https://victim.test/a", "https://victim.test/b#c", true},
		{"https://victim.test/", "https://VICTIM.test:443/", true},
		{"https://victim.test/", "https://victim.test.evil.test/", false},
		{"https://victim.test/", "https://victim.test@evil.test/", false},
		{"https://victim.test/", "http://victim.test/", false},
		{"https://victim.test/", "https://victim.test:8443/", false},
		{"https://victim.test/", "https://victim.test./", false},
		{"https://victim.test/", "", false},
		{"", "", false},
		{"https://victim.test/", "https://victim%2etest/", false},
	} {
		if got := SameHost(c.a, c.b); got != c.want {
			t.Errorf("SameHost(%q, %q) = %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

func TestActorsOfOthers(t *testing.T) {
	t.Parallel()
	actor := func(members string) string {
		return `{"id":"https://a.test/u","type":"Person","preferredUsername":"u",` + members + `}`
	}
	a, err := ParseActor([]byte(actor(`"inbox":"https://a.test/u/inbox","endpoints":{"sharedInbox":"https://a.test/inbox"},"followers":"https://evil.test/f",
		"name":"Олена","url":["https://a.test/@u"],"alsoKnownAs":"https://old.test/u","discoverable":true,"manuallyApprovesFollowers":true,
		"icon":{"type":"Image","url":"https://m.test/a.png"},"attachment":[{"type":"PropertyValue","name":"Місто","value":"<b>Львів</b>"}],
		"publicKey":[{"id":"https://a.test/u#k","owner":"https://a.test/u","publicKeyPem":"PEM"},{"id":"https://a.test/u#j","owner":"https://victim.test/u","publicKeyPem":"PEM"}],
		"assertionMethod":{"id":"https://a.test/u#e","type":"Multikey","controller":"https://a.test/u","publicKeyMultibase":"z6Mk"}`)))
	if err != nil {
		t.Fatal(err)
	}
	if a.Inbox != "https://a.test/u/inbox" || a.SharedInbox != "https://a.test/inbox" || a.Followers != "" || a.URL != "https://a.test/@u" || a.Icon != "https://m.test/a.png" {
		t.Errorf("places = %+v", a)
	}
	if a.Name != "Олена" || !a.Discoverable || a.Indexable || !a.ByApproval || !reflect.DeepEqual(a.AlsoKnownAs, []string{"https://old.test/u"}) {
		t.Errorf("profile = %+v", a)
	}
	if len(a.Fields) != 1 || a.Fields[0] != (Field{"Місто", "<b>Львів</b>"}) {
		t.Errorf("fields = %+v", a.Fields)
	}
	if len(a.Keys) != 1 || a.Keys[0].ID != "https://a.test/u#k" || len(a.AssertionMethods) != 1 || a.AssertionMethods[0].Text != "z6Mk" {
		t.Errorf("keys = %+v, %+v", a.Keys, a.AssertionMethods)
	}
	for name, raw := range map[string]string{
		"no inbox":                 actor(`"x":1`),
		"somebody else's inbox":    actor(`"inbox":"https://victim.test/inbox"`),
		"inbox of another scheme":  actor(`"inbox":"http://a.test/inbox"`),
		"not an actor":             `{"id":"https://a.test/u","type":"Note","inbox":"https://a.test/i"}`,
		"inbox at the same prefix": actor(`"inbox":"https://a.test.evil.test/inbox"`),
	} {
		if a, err := ParseActor([]byte(raw)); FaultCode(err) != "form" {
			t.Errorf("%s: ParseActor = %+v, %v, want the fault form", name, a, err)
		}
	}
}

func TestCollectionsOfOthers(t *testing.T) {
	t.Parallel()
	c, err := ParseCollection([]byte(`{"id":"https://a.test/o","type":"OrderedCollectionPage","totalItems":3,"next":"https://a.test/o?p=2",
		"partOf":{"id":"https://a.test/o"},"orderedItems":["https://a.test/1",{"id":"https://a.test/2","type":"Create","actor":"https://a.test/u","object":{"id":"https://a.test/n","type":"Note","content":"x"}},7]}`))
	if err != nil {
		t.Fatal(err)
	}
	if *c.TotalItems != 3 || c.Next != "https://a.test/o?p=2" || c.PartOf != "https://a.test/o" || len(c.Items) != 2 || c.Items[1].Object.Content != "x" {
		t.Errorf("page = %+v", c)
	}
	c, err = ParseCollection([]byte(`{"id":"https://a.test/r","type":"Collection","first":{"type":"CollectionPage","next":"https://a.test/r?p=1","items":["https://b.test/1"]}}`))
	if err != nil || len(c.Items) != 1 || c.Next != "https://a.test/r?p=1" {
		t.Errorf("embedded first page = %+v, %v", c, err)
	}
	if _, err := ParseCollection([]byte(`{"id":"https://a.test/r","type":"Note"}`)); FaultCode(err) != "form" {
		t.Errorf("a Note as collection: %v", err)
	}
}

// TestCapturedActivities reads every body that real servers were seen to send.
func TestCapturedActivities(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join(sharedData(t, "wire"), "*", "*.body.json"))
	if err != nil || len(paths) < 50 {
		t.Fatalf("%d bodies, %v", len(paths), err)
	}
	for _, path := range paths {
		name := filepath.Base(path)
		_, words, _ := strings.Cut(strings.TrimSuffix(name, ".body.json"), "-POST-")
		kinds := strings.Split(words, "-") // Create-Note-vote
		a, err := Parse(readFile(t, path))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		want := ""
		if len(kinds) > 1 {
			want = kinds[1]
		}
		if strings.HasSuffix(words, "vote") {
			want = "Vote"
		}
		if a.Type != kinds[0] || a.Object == nil || a.Object.Type != want || !SameHost(a.ID, a.Actor) {
			t.Errorf("%s: %s of %+v by %s", path, a.Type, a.Object, a.Actor)
			continue
		}
		o := a.Object
		switch want {
		case "Vote":
			if o.Name == "" || o.InReplyTo == "" || o.AttributedTo != a.Actor || len(o.To) != 1 {
				t.Errorf("%s: vote %+v", path, o)
			}
		case "Note":
			if o.Content == "" || o.AttributedTo != a.Actor || len(a.To) == 0 || o.Published.IsZero() ||
				(o.URL == "") == strings.Contains(string(o.Raw), `"url"`) {
				t.Errorf("%s: note %+v", path, o)
			}
		case "Question":
			if len(o.OneOf)+len(o.AnyOf) < 2 || o.EndTime.IsZero() || !o.Closed.IsZero() || o.Content == "" {
				t.Errorf("%s: question %+v", path, o)
			}
			for _, option := range append(o.OneOf, o.AnyOf...) {
				if option.Votes == nil {
					t.Errorf("%s: option %q without count", path, option.Name)
				}
			}
		case "Follow":
			if o.Object == nil || o.Object.ID != a.Actor && a.Type == "Accept" {
				t.Errorf("%s: follow %+v", path, o)
			}
		case "":
			if o.ID == "" {
				t.Errorf("%s: no object", path)
			}
		default:
			t.Errorf("%s: nothing says what %s should be", path, want)
		}
	}
}

// TestCapturedDocuments reads what they answered to a GET.
func TestCapturedDocuments(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join(sharedData(t, "wire"), "*", "*-GET-*.http"))
	if err != nil {
		t.Fatal(err)
	}
	actors, collections, objects, keys := 0, 0, 0, 0
	for _, path := range paths {
		_, answer, ok := strings.Cut(string(readFile(t, path)), "---- response ----\n200 OK\n")
		_, body, _ := strings.Cut(answer, "\n\n")
		if !ok || !strings.HasPrefix(strings.TrimSpace(body), "{") || !strings.Contains(body, "https://www.w3.org/ns/activitystreams\"") {
			continue
		}
		raw := []byte(body)
		o, err := ParseObject(raw)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		switch {
		case strings.Contains(o.Type, "Collection"):
			collections++
			if c, err := ParseCollection(raw); err != nil || c.ID == "" {
				t.Errorf("%s: %+v, %v", path, c, err)
			}
		case strings.Contains(path, "main-key"):
			keys++
			if key, err := ParsePublicKey(raw, o.ID+"/main-key"); err != nil || key.Owner != o.ID {
				t.Errorf("%s: %+v, %v", path, key, err)
			}
		case o.Type == "Person":
			actors++
			a, err := ParseActor(raw)
			if err != nil || a.Handle == "" || len(a.Keys) == 0 || a.Outbox == "" || a.URL == "" {
				t.Errorf("%s: %+v, %v", path, a, err)
			}
		default:
			objects++
		}
	}
	if actors == 0 || collections == 0 || objects == 0 || keys == 0 {
		t.Errorf("read %d actors, %d collections, %d objects, %d keys", actors, collections, objects, keys)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		mastodonVote, gotosocialVote, lemmyAnnounce,
		note(`"content":"x","duration":"","tag":[{"type":"Mention"}],"location":{"type":"Place","latitude":1e9}`),
		create(`{"id":"https://a.test/q","type":"Question","oneOf":[{"name":"a","replies":{"totalItems":1}}],"closed":true}`),
		`{"id":"https://a.test/1","type":"Add","actor":"https://a.test/u","object":"https://a.test/n","target":{"id":"https://a.test/c","url":[[[]]]}}`,
		note(`"url":{"type":"Relationship","subject":{}},"icon":{"type":"Tombstone"},"image":[[]],"audience":{"type":"OrderedCollection"}`),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for name, read := range map[string]func() error{
			"Parse":           func() error { _, err := Parse(raw); return err },
			"ParseObject":     func() error { _, err := ParseObject(raw); return err },
			"ParseActor":      func() error { _, err := ParseActor(raw); return err },
			"ParseCollection": func() error { _, err := ParseCollection(raw); return err },
		} {
			err := read()
			if err == nil {
				continue
			}
			if code := FaultCode(err); code != "json" && code != "form" || strings.Contains(err.Error(), "panicked") {
				t.Fatalf("%s(%q): %v", name, raw, err)
			}
		}
		if a, err := Parse(raw); err == nil && (a.ID == "" || a.Type == "" || a.Actor == "") {
			t.Fatalf("an activity without %+v", a)
		}
	})
}
