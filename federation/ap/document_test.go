package ap

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

func TestTreeIsWhatJSONReads(t *testing.T) {
	t.Parallel()
	raw := []byte(` {"b":[1,{"c":"<ї>"},null,true,false],"a":{"d":9007199254740991},"proof":{"@context":["x", "y"]}} `)
	doc, err := ReadDocument(raw)
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var want map[string]any
	if err := dec.Decode(&want); err != nil {
		t.Fatal(err)
	}
	if got := doc.Tree(); !reflect.DeepEqual(got, want) {
		t.Errorf("Tree = %v, want %v", got, want)
	}
	delete(want, "proof")
	if got := doc.Tree("proof"); !reflect.DeepEqual(got, want) {
		t.Errorf("Tree without proof = %v, want %v", got, want)
	}
	if got := string(doc.Member("proof", "@context")); got != `["x", "y"]` {
		t.Errorf("Member = %q, want the bytes as they were", got)
	}
	if got := doc.Member("proof", "none"); got != nil {
		t.Errorf("Member that lacks = %q, want nil", got)
	}
}
