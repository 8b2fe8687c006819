package union

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"time"

	"viche/federation/ap"
)

// fault is a refusal with one of the codes that a Reject carries.
func fault(code, format string, args ...any) error {
	return ap.Fault{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// fields are the members of an object, by their exact names: encoding/json
// into a struct would also take "Ballots" for "ballots".
type fields map[string]any

// signed is a document read strictly, with its members but for the two that
// hold most of its bytes: the contexts, and the proof, which package ap reads.
type signed struct {
	doc *ap.Document
	fields
	context, proofContext json.RawMessage
}

func read(raw []byte) (signed, error) {
	doc, err := ap.ReadDocument(raw)
	if err != nil {
		return signed{}, err
	}
	f := fields(doc.Tree("@context", "proof"))
	if f == nil {
		return signed{}, fault("form", "not an object")
	}
	if doc.Has("proof") {
		f["proof"] = true // it is there
	}
	return signed{doc: doc, fields: f, context: doc.Member("@context"), proofContext: doc.Member("proof", "@context")}, nil
}

// decode reads a value, numbers as they were written.
func decode(raw []byte) (v any, err error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	err = dec.Decode(&v)
	return v, err
}

// text gives a member that is a text, or "".
func (f fields) text(name string) string {
	s, _ := f[name].(string)
	return s
}

// ref gives the id that a member names: itself a text, or the id of an object.
func (f fields) ref(name string) string {
	if s := f.text(name); s != "" {
		return s
	}
	return f.object(name).text("id")
}

func (f fields) has(name string) bool { _, ok := f[name]; return ok }

// object gives a member that is an object, or nil, which has no members.
func (f fields) object(name string) fields {
	o, _ := f[name].(map[string]any)
	return o
}

// objects gives a list of objects; ok is false where anything else is in it.
func (f fields) objects(name string) (out []fields, ok bool) {
	list, ok := f[name].([]any)
	if !ok {
		return nil, false
	}
	for _, v := range list {
		o, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		out = append(out, o)
	}
	return out, true
}

// texts gives a text, or the texts of a list.
func (f fields) texts(name string) []string {
	switch v := f[name].(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, item := range v {
			if s, ok := item.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

// whole gives a whole number. One that is no number at all is the fault
// "number", one that lacks is "form".
func (f fields) whole(name string) (int, error) {
	v, ok := f[name]
	if !ok {
		return 0, fault("form", "%s is missing", name)
	}
	n, ok := v.(json.Number)
	if !ok {
		return 0, fault("number", "%s is no number", name)
	}
	// The document was read strictly, so these are digits up to 2^53-1.
	i, err := strconv.Atoi(n.String())
	if err != nil {
		return 0, fault("number", "%s is %.20s", name, n)
	}
	return i, nil
}

// time gives a time, or the zero time where it lacks or is none.
func (f fields) time(name string) time.Time {
	t, err := ap.ParseTime(f.text(name))
	if err != nil {
		return time.Time{}
	}
	return t
}

// ref names a signed object by its digest.
type ref struct {
	ID      string
	Version int
	Digest  string
}

func (f fields) listRef(name string) (ref, error) {
	o := f.object(name)
	if o == nil {
		return ref{}, fault("form", "%s is missing", name)
	}
	version, err := o.whole("version")
	if err != nil {
		return ref{}, err
	}
	return ref{ID: o.text("id"), Version: version, Digest: o.text("digest")}, nil
}

func (r ref) wire() map[string]any {
	return map[string]any{"id": r.ID, "version": r.Version, "digest": r.Digest}
}

// sameOrigin tells whether two ids have one scheme and host.
func sameOrigin(a, b string) bool {
	x, err := url.Parse(a)
	if err != nil || x.Host == "" {
		return false
	}
	y, err := url.Parse(b)
	return err == nil && x.Scheme == y.Scheme && x.Host == y.Host
}

// hostOf gives the host of an id, with its port.
func hostOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	return u.Host
}

// ownContext is our @context in the form in which we sign it.
var ownContext, _ = json.Marshal(ap.Context) // strings and maps of them: it cannot fail

// contextHolds is the rule on contexts alone, which comes before the key in
// the order of checks, where package ap looks at both at once.
func (s signed) contextHolds() bool {
	if bytes.Equal(s.context, ownContext) && (s.proofContext == nil || bytes.Equal(s.proofContext, ownContext)) {
		return true // as every instance of this program writes it
	}
	var own []json.RawMessage
	if json.Unmarshal(s.context, &own) != nil || len(own) < 2 {
		return false
	}
	for i, want := range []string{ap.ActivityStreams, ap.DataIntegrity} {
		var got string
		if json.Unmarshal(own[i], &got) != nil || got != want {
			return false
		}
	}
	if s.proofContext == nil {
		return true
	}
	var prefix []json.RawMessage
	if json.Unmarshal(s.proofContext, &prefix) != nil {
		prefix = []json.RawMessage{s.proofContext}
	}
	return len(prefix) > 0 && len(prefix) <= len(own) && slices.EqualFunc(prefix, own[:len(prefix)], func(a, b json.RawMessage) bool {
		x, err := decode(a)
		y, err2 := decode(b)
		return err == nil && err2 == nil && reflect.DeepEqual(x, y)
	})
}

// rawItems gives the items of a list as the bytes that they were.
func rawItems(raw []byte, name string) ([]json.RawMessage, error) {
	var top map[string]json.RawMessage
	if err := json.Unmarshal(raw, &top); err != nil {
		return nil, fault("json", "%v", err)
	}
	var items []json.RawMessage
	if err := json.Unmarshal(top[name], &items); err != nil {
		return nil, fault("form", "%s is no list", name)
	}
	return items, nil
}

// rawMember gives a member as the bytes that it was, or nil.
func rawMember(raw []byte, name string) []byte {
	var top map[string]json.RawMessage
	if json.Unmarshal(raw, &top) != nil {
		return nil
	}
	return top[name]
}

// digestOfCore gives the digest of the frozen core of a poll that is not
// signed yet.
func digestOfCore(obj map[string]any) (string, error) {
	raw, err := json.Marshal(obj)
	if err != nil {
		return "", err
	}
	return ap.PollDigest(raw)
}

// textOf gives a member that is a text, or "".
func textOf(raw []byte, name string) (s string) {
	if json.Unmarshal(rawMember(raw, name), &s) != nil {
		return ""
	}
	return s
}
