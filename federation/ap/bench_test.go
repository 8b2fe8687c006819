//go:build unix

package ap

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-fed/activity/streams"

	vocab "github.com/go-ap/activitypub"
)

// These are the measurements of docs/adr/0001. They report CPU time beside
// the clock's, since that is what a loaded machine can still tell.

// mastodonNote is the form of Mastodon's Create{Note}, with invented content.
const mastodonNote = `{"@context":["https://www.w3.org/ns/activitystreams",{"ostatus":"http://ostatus.org#","atomUri":"ostatus:atomUri","inReplyToAtomUri":"ostatus:inReplyToAtomUri","conversation":"ostatus:conversation","sensitive":"as:sensitive","toot":"http://joinmastodon.org/ns#","votersCount":"toot:votersCount","blurhash":"toot:blurhash","focalPoint":{"@container":"@list","@id":"toot:focalPoint"},"Hashtag":"as:Hashtag"}],
"id":"https://mastodon.example/users/bob/statuses/115600000000000001/activity","type":"Create","actor":"https://mastodon.example/users/bob","published":"2026-11-23T08:00:00Z",
"to":["https://www.w3.org/ns/activitystreams#Public"],"cc":["https://mastodon.example/users/bob/followers","https://lviv.test/users/olena"],
"object":{"id":"https://mastodon.example/users/bob/statuses/115600000000000001","type":"Note","summary":null,"inReplyTo":"https://lviv.test/notes/1","published":"2026-11-23T08:00:00Z",
"url":"https://mastodon.example/@bob/115600000000000001","attributedTo":"https://mastodon.example/users/bob","to":["https://www.w3.org/ns/activitystreams#Public"],
"cc":["https://mastodon.example/users/bob/followers","https://lviv.test/users/olena"],"sensitive":false,"atomUri":"https://mastodon.example/users/bob/statuses/115600000000000001",
"inReplyToAtomUri":"https://lviv.test/notes/1","conversation":"tag:mastodon.example,2026-11-23:objectId=1:objectType=Conversation",
"content":"<p><span class=\"h-card\"><a href=\"https://lviv.test/@olena\" class=\"u-url mention\">@<span>olena</span></a></span> Північний міст потрібніший <a href=\"https://mastodon.example/tags/lviv\" class=\"mention hashtag\" rel=\"tag\">#<span>Львів</span></a></p>",
"contentMap":{"uk":"<p><span class=\"h-card\"><a href=\"https://lviv.test/@olena\" class=\"u-url mention\">@<span>olena</span></a></span> Північний міст потрібніший <a href=\"https://mastodon.example/tags/lviv\" class=\"mention hashtag\" rel=\"tag\">#<span>Львів</span></a></p>"},
"attachment":[{"type":"Document","mediaType":"image/jpeg","url":"https://files.example/1.jpg","name":"Міст","blurhash":"U","focalPoint":[0.0,0.0],"width":1200,"height":800}],
"tag":[{"type":"Mention","href":"https://lviv.test/users/olena","name":"@olena@lviv.test"},{"type":"Hashtag","href":"https://mastodon.example/tags/lviv","name":"#Львів"}],
"replies":{"id":"https://mastodon.example/users/bob/statuses/115600000000000001/replies","type":"Collection","first":{"type":"CollectionPage","next":"https://mastodon.example/users/bob/statuses/115600000000000001/replies?only_other_accounts=true&page=true","partOf":"https://mastodon.example/users/bob/statuses/115600000000000001/replies","items":[]}}}}`

// mastodonQuestion is the form of Mastodon's Create{Question}.
const mastodonQuestion = `{"@context":["https://www.w3.org/ns/activitystreams",{"sensitive":"as:sensitive","toot":"http://joinmastodon.org/ns#","votersCount":"toot:votersCount"}],
"id":"https://mastodon.example/users/bob/statuses/2/activity","type":"Create","actor":"https://mastodon.example/users/bob","published":"2026-11-23T08:00:00Z",
"to":["https://www.w3.org/ns/activitystreams#Public"],"cc":["https://mastodon.example/users/bob/followers"],
"object":{"id":"https://mastodon.example/users/bob/statuses/2","type":"Question","summary":null,"inReplyTo":null,"published":"2026-11-23T08:00:00Z","url":"https://mastodon.example/@bob/2",
"attributedTo":"https://mastodon.example/users/bob","to":["https://www.w3.org/ns/activitystreams#Public"],"cc":["https://mastodon.example/users/bob/followers"],"sensitive":false,
"content":"<p>Який міст?</p>","contentMap":{"uk":"<p>Який міст?</p>"},"attachment":[],"tag":[],"endTime":"2026-11-26T08:00:00Z","votersCount":7,
"oneOf":[{"type":"Note","name":"Північний","replies":{"type":"Collection","totalItems":3}},{"type":"Note","name":"Південний","replies":{"type":"Collection","totalItems":4}},{"type":"Note","name":"Жоден","replies":{"type":"Collection","totalItems":0}}]}}`

// manyAddresses is a Create{Note} to n different actors.
func manyAddresses(n int) string {
	to := make([]string, n)
	for i := range to {
		to[i] = fmt.Sprintf(`"https://h%d.example/users/u"`, i)
	}
	return note(`"content":"x","to":[` + strings.Join(to, ",") + `]`)
}

// readers are those that were compared.
var readers = map[string]func([]byte) error{
	"own": func(raw []byte) error { _, err := Parse(raw); return err },
	"go-ap": func(raw []byte) error {
		item, err := vocab.UnmarshalJSON(raw)
		if err == nil && item == nil {
			return fmt.Errorf("nothing read")
		}
		return err
	},
	"go-fed": func(raw []byte) error {
		var m map[string]any
		if err := json.Unmarshal(raw, &m); err != nil {
			return err
		}
		_, err := streams.ToType(context.Background(), m)
		return err
	},
}

func BenchmarkParse(b *testing.B) {
	for _, c := range []struct{ name, raw string }{
		{"note", mastodonNote}, {"question", mastodonQuestion}, {"vote", mastodonVote},
		{"to=10", manyAddresses(10)}, {"to=100", manyAddresses(100)}, {"to=1000", manyAddresses(1000)},
	} {
		for _, reader := range []string{"own", "go-ap", "go-fed"} {
			b.Run(c.name+"/"+reader, func(b *testing.B) {
				measure(b, func() error { return readers[reader]([]byte(c.raw)) })
			})
		}
	}
}

// BenchmarkJSONOnly is what the strict reader costs, against encoding/json.
func BenchmarkJSONOnly(b *testing.B) {
	b.Run("own", func(b *testing.B) {
		measure(b, func() error { _, _, err := readJSON([]byte(mastodonNote)); return err })
	})
	b.Run("encoding-json", func(b *testing.B) {
		measure(b, func() error { var v any; return json.Unmarshal([]byte(mastodonNote), &v) })
	})
}

func measure(b *testing.B, do func() error) {
	b.ReportAllocs()
	start := cpu(b)
	for b.Loop() {
		if err := do(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((cpu(b)-start).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// cpu gives the processor time of this process.
func cpu(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// TestWhatTheLibrariesDo holds the facts that docs/adr/0001 decides upon. If
// one of them fails after an update, the library has changed and the decision
// may be looked at again.
func TestWhatTheLibrariesDo(t *testing.T) {
	t.Parallel()
	readWrite := func(raw string) string {
		t.Helper()
		item, err := vocab.UnmarshalJSON([]byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		out, err := vocab.MarshalJSON(item)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	question := `{"id":"https://a.test/q","type":"Question","endTime":"2026-11-26T08:00:00Z","votersCount":7,"sensitive":true,
		"contentMap":{"uk":"так"},"pollId":"x","tag":[{"type":"Hashtag","name":"#x","href":"https://a.test/x"}],"anyOf":[{"type":"Note","name":"одна"}]}`
	out := readWrite(question)
	t.Logf("go-ap reads %s\nand writes %s", question, out)
	for _, word := range []string{"votersCount", "sensitive", "contentMap", "pollId", "Hashtag"} {
		if strings.Contains(out, word) {
			t.Errorf("go-ap keeps %s now: %s", word, out)
		}
	}
	if !strings.Contains(out, `"closed":"false"`) {
		t.Errorf("go-ap writes closed of an open question otherwise now: %s", out)
	}
	if strings.Contains(out, `"anyOf":[`) {
		t.Errorf("go-ap keeps a list of one now: %s", out)
	}
	single := readWrite(note(`"content":"x","tag":{"type":"Mention","href":"https://b.test/u","name":"u"}`))
	if strings.Contains(single, "https://b.test/u") {
		t.Errorf("go-ap keeps a tag outside a list now: %s", single)
	}
	name := readWrite(note(`"name":"C:\\new"`))
	if strings.Contains(name, `C:\\new`) {
		t.Errorf("go-ap reads a backslash once now: %s", name)
	}
	if item, err := vocab.UnmarshalJSON([]byte(`{"id":"https://a.test/t","type":"Tally","attributedTo":"https://a.test/u"}`)); err == nil && item != nil {
		t.Errorf("go-ap reads unknown types now: %v", item)
	}

	panicked := func() (did bool) {
		defer func() { did = recover() != nil }()
		if err := readers["go-fed"]([]byte(note(`"duration":""`))); err != nil {
			t.Logf("go-fed on an empty duration: %v", err)
		}
		return false
	}()
	if !panicked {
		t.Error("go-fed no longer panics on an empty duration")
	}
}

// TestGoApIsQuadratic shows why its input is bounded. It measures, so it runs
// only when asked to.
func TestGoApIsQuadratic(t *testing.T) {
	if os.Getenv("VICHE_MEASURE") == "" {
		t.Skip("set VICHE_MEASURE to measure")
	}
	cost := map[int]int64{}
	for _, n := range []int{100, 1000} {
		raw := []byte(manyAddresses(n))
		result := testing.Benchmark(func(b *testing.B) { measure(b, func() error { return readers["go-ap"](raw) }) })
		cost[n] = result.NsPerOp()
	}
	if ratio := cost[1000] / cost[100]; ratio < 30 {
		t.Errorf("ten times the addresses cost %d times as much; quadratic would be 100", ratio)
	}
}
