package ap

import (
	_ "embed"
	"encoding/json"
)

// The names that everybody in the fediverse knows.
const (
	ActivityStreams = "https://www.w3.org/ns/activitystreams"
	DataIntegrity   = "https://w3id.org/security/data-integrity/v2"
	Public          = ActivityStreams + "#Public"
	// ContentType is what we serve and send.
	ContentType = `application/ld+json; profile="https://www.w3.org/ns/activitystreams"`
)

//go:embed context.json
var contextJSON []byte

// Context is the inline @context of every object of ours, always the same and
// never fetched by anybody. Read it, never change it: all share one copy.
var Context = readContext(contextJSON)

// readContext panics on a broken file: that is a mistake of ours which shows
// at the first start.
func readContext(raw []byte) []any {
	var doc struct {
		Context []any `json:"@context"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		panic("ap: context.json: " + err.Error())
	}
	return doc.Context
}
