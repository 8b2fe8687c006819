package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"time"

	"viche/federation/ap"
)

// maxInt is the greatest whole number that every reader of JSON holds exactly.
const maxInt = 1<<53 - 1

// object is one signed thing as it came: the strict reading of its bytes and
// its members by name.
type object struct {
	node
	doc    *ap.Document
	id     string
	kind   string
	author string // attributedTo; for activities the actor
	digest string
}

// node is a JSON object. Names are taken as they are written; encoding/json's
// structs would also take `COUNTS` for `counts`, and a checker that reads what
// others don't read can be talked into another result.
type node map[string]any

// read is the first thing that happens to any bytes: strict JSON and whole
// numbers before anything else is asked of them.
func read(raw []byte) (*object, error) {
	doc, err := ap.ReadDocument(raw)
	if err != nil {
		return nil, err
	}
	members, err := decode(raw)
	if err != nil {
		return nil, err
	}
	o := &object{node: members, doc: doc, digest: doc.Digest()}
	o.id, o.kind, o.author = o.text("id"), o.text("type"), o.text("attributedTo")
	if o.author == "" {
		o.author = o.text("actor")
	}
	if o.id == "" || o.kind == "" {
		return nil, fault("form", "id or type is missing")
	}
	if name := o.wrongNumber(); name != "" {
		return nil, fault("number", "%s is not written as a number", name)
	}
	return o, nil
}

func decode(raw []byte) (node, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var members node
	if err := decoder.Decode(&members); err != nil || members == nil {
		return nil, fault("form", "not a JSON object")
	}
	return members, nil
}

// numeric are the members that hold whole numbers wherever they stand.
var numeric = []string{
	"register", "ballots", "changes", "blank", "count", "sequence", "version", "ceiling", "k", "level",
	"memberCount", "outstanding", "votersCount", "totalItems",
}

// nested are the members of ours in which numbers may stand. Others, such as
// a stranger's `generator`, may call things "version" as they like.
var nested = []string{
	"verified", "open", "openAtCoordinator", "questions", "counts", "firstAnswers", "members", "lines", "missing",
	"excluded", "statement", "statements", "trustList", "previous", "electorate", "oneOf", "anyOf", "replies",
}

// wrongNumber gives the name of a number that is written as something else, a
// text for example.
func (n node) wrongNumber() string {
	for _, name := range numeric {
		if value, there := n[name]; there {
			if _, ok := value.(json.Number); !ok {
				return name
			}
		}
	}
	for _, name := range nested {
		for _, inner := range nodes(n[name]) {
			if wrong := inner.wrongNumber(); wrong != "" {
				return wrong
			}
		}
	}
	return ""
}

// nodes gives the objects in a value: itself, or those of a list.
func nodes(value any) []node {
	switch value := value.(type) {
	case map[string]any:
		return []node{value}
	case []any:
		out := make([]node, 0, len(value))
		for _, item := range value {
			if item, ok := item.(map[string]any); ok {
				out = append(out, item)
			}
		}
		return out
	}
	return nil
}

func (n node) has(name string) bool {
	_, there := n[name]
	return there
}

func (n node) text(name string) string {
	text, _ := n[name].(string)
	return text
}

func (n node) inner(name string) node {
	inner, _ := n[name].(map[string]any)
	return inner
}

// list gives the objects of a list; false where the member is no list, or
// holds anything else. An absent one is no list.
func (n node) list(name string) ([]node, bool) {
	items, ok := n[name].([]any)
	if !ok {
		return nil, false
	}
	out := nodes(items)
	return out, len(out) == len(items)
}

// optionalList is list where the member may be absent.
func (n node) optionalList(name string) ([]node, bool) {
	if !n.has(name) {
		return nil, true
	}
	return n.list(name)
}

// texts gives a text or a list of texts as a list.
func (n node) texts(name string) []string {
	switch value := n[name].(type) {
	case string:
		return []string{value}
	case []any:
		var out []string
		for _, item := range value {
			if text, ok := item.(string); ok {
				out = append(out, text)
			} else {
				out = append(out, "") // not an address: whoever asks for addresses refuses it
			}
		}
		return out
	}
	return nil
}

// int gives a whole number; false where it is missing. Its form was checked by
// read.
func (n node) int(name string) (int64, bool) {
	number, ok := n[name].(json.Number)
	if !ok {
		return 0, false
	}
	value, err := number.Int64()
	return value, err == nil && value >= 0 && value <= maxInt
}

func (n node) time(name string) (time.Time, bool) {
	t, err := ap.ParseTime(n.text(name))
	return t, err == nil
}

// ref names a signed object by its digest.
type ref struct {
	id      string
	version int64
	digest  string
}

func (n node) ref(name string) (ref, bool) {
	inner := n.inner(name)
	version, ok := inner.int("version")
	r := ref{id: inner.text("id"), version: version, digest: inner.text("digest")}
	return r, ok && r.id != "" && r.digest != ""
}

// sameOrigin tells whether two addresses have one scheme and one host, the
// port included.
func sameOrigin(a, b string) bool {
	left, right := origin(a), origin(b)
	return left != "" && left == right
}

// origin gives scheme and host of an address, or "" where it has none.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || !slices.Contains([]string{"https", "http"}, u.Scheme) {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

func fault(code, format string, args ...any) error {
	return ap.Fault{Code: code, Detail: fmt.Sprintf(format, args...)}
}
