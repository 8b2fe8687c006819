package verify

import "encoding/json"

// rawItems gives the items of a list as the bytes that came, for each is
// signed by itself.
func rawItems(raw []byte, name string) ([]json.RawMessage, error) {
	// A map, not a struct: names count exactly as they are written.
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, fault("json", "not a JSON object")
	}
	var items []json.RawMessage
	if err := json.Unmarshal(members[name], &items); err != nil {
		return nil, fault("form", "%s is no list", name)
	}
	return items, nil
}
