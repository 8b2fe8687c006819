package federation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
)

// members are the top-level members of a JSON object, names exactly as
// written. encoding/json into a struct would take "ID" for "id" and the last
// of two equal names; here both would open a door.
type members map[string]json.RawMessage

func readMembers(raw []byte) (members, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("%w: not a JSON object", ErrRefused)
	}
	m := members{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("%w: bad JSON", ErrRefused)
		}
		name, _ := t.(string)
		if _, twice := m[name]; twice {
			return nil, fmt.Errorf("%w: %q is there twice", ErrRefused, name)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("%w: bad JSON", ErrRefused)
		}
		m[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("%w: bad JSON", ErrRefused)
	}
	if d.More() {
		return nil, fmt.Errorf("%w: more than one JSON value", ErrRefused)
	}
	return m, nil
}

// text is the member as a string, or empty when it is anything else.
func (m members) text(name string) string {
	var s string
	if json.Unmarshal(m[name], &s) != nil {
		return ""
	}
	return s
}

// ref is the id that a member names: itself a string, or the id of the object
// that it embeds. A list names nobody.
func (m members) ref(name string) string {
	if s := m.text(name); s != "" {
		return s
	}
	if inner := m.object(name); inner != nil {
		return inner.text("id")
	}
	return ""
}

func (m members) object(name string) members {
	raw := bytes.TrimSpace(m[name])
	if len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	inner, err := readMembers(raw)
	if err != nil {
		return nil
	}
	return inner
}

// list is a member whose one value may stand bare, as GoToSocial writes it.
func (m members) list(name string) []json.RawMessage {
	raw := bytes.TrimSpace(m[name])
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	if raw[0] != '[' {
		return []json.RawMessage{raw}
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return nil
	}
	return list
}

// texts are the strings of a list, other values left out.
func (m members) texts(name string) []string {
	var all []string
	for _, raw := range m.list(name) {
		var s string
		if json.Unmarshal(raw, &s) == nil {
			all = append(all, s)
		}
	}
	return all
}

// kind is the type; of several the first.
func (m members) kind() string {
	if all := m.texts("type"); len(all) > 0 {
		return all[0]
	}
	return ""
}

// maxID is the longest id that we keep or follow.
const maxID = 2048

// idOf reads the id of a document, an absolute http(s) address.
func idOf(raw []byte) (string, error) {
	m, err := readMembers(raw)
	if err != nil {
		return "", err
	}
	id := m.text("id")
	if !isAddress(id) {
		return "", fmt.Errorf("%w: no usable id", ErrRefused)
	}
	return id, nil
}

func isAddress(id string) bool {
	if id == "" || len(id) > maxID {
		return false
	}
	u, err := url.Parse(id)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}
