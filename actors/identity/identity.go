// Package identity says who a person is without saying it twice: it knows the
// ways in which a person can be verified, checks personal codes, and turns a
// code into the keyed hash that alone is kept. One file a provider.
package identity

import (
	"context"
	"fmt"
	"strconv"

	"viche/internal/store"
)

// Levels of assurance, each holding for what the smaller ones do.
const (
	Attested  = 1 // somebody else vouches for the person
	Document  = 2 // a moderator saw the person and the document, or the operator answers for it
	Qualified = 3 // a qualified electronic signature or a bank
)

// Proof is what a provider found out: a normalised personal code, which is
// hashed at once and never stored, and how sure the provider is.
type Proof struct {
	Code     string // "rnokpp:v1:…"
	Document string // kind of document seen, "" where none was
	Level    int
}

// Provider is one way to prove who one is. Prove may speak to the network, so
// it is never called inside a transaction.
type Provider interface {
	Name() string
	Prove(ctx context.Context) (Proof, error)
}

// PersonKeys turns a personal code into a key that only the holder of the key
// file can make; keys.File does.
type PersonKeys interface {
	PersonKey(code string) []byte
}

// Documents are the kinds that a moderator can have seen, in the order in
// which they are offered.
var Documents = []string{"id-card", "passport-booklet", "passport-abroad", "residence-permit", "refugee", "other"}

// InPerson is the provider of a moderator who has the person in front of them.
type InPerson struct {
	Kind string // one of Documents
	Seen bool   // the moderator says that the document was seen
	Code string // РНОКПП as typed
}

// Name is how the log calls this provider.
func (InPerson) Name() string { return "in-person" }

// Prove checks what the moderator typed.
func (p InPerson) Prove(context.Context) (Proof, error) {
	if !contains(Documents, p.Kind) {
		return Proof{}, store.Invalid("document", "people.desk.document.missing")
	}
	if !p.Seen {
		return Proof{}, store.Invalid("seen", "people.desk.seen.missing")
	}
	code, err := NormalRNOKPP(p.Code)
	if err != nil {
		return Proof{}, err
	}
	return Proof{Code: "rnokpp:v1:" + code, Document: p.Kind, Level: Document}, nil
}

// Operator is the provider of an operator who answers for an account without
// a personal code, as a moderator answers for a document seen; the account
// itself stands for the person, and the public log says who answered.
type Operator struct{ Account int64 }

// Name is how the log calls this provider.
func (Operator) Name() string { return "operator" }

// Prove never fails.
func (o Operator) Prove(context.Context) (Proof, error) {
	return Proof{Code: "operator:v1:" + strconv.FormatInt(o.Account, 10), Level: Document}, nil
}

// Key hashes what was proved.
func Key(keys PersonKeys, proof Proof) ([]byte, error) {
	key := keys.PersonKey(proof.Code)
	if len(key) < 16 {
		return nil, fmt.Errorf("hash of a personal code has %d bytes, want at least 16", len(key))
	}
	return key, nil
}

func contains(list []string, s string) bool {
	for _, item := range list {
		if item == s {
			return true
		}
	}
	return false
}
