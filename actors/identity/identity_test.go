package identity_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"viche/actors/identity"
	"viche/internal/store"
)

func TestTaxNumberNeedsItsCheckDigit(t *testing.T) {
	for code, valid := range map[string]bool{
		"2935277360":   true,
		"2935277367":   false,
		"3184710691":   true,
		" 318471-0691": true,
		"3184710690":   false,
		"0000000000":   false, // passes the sum, belongs to nobody
		"318471069":    false,
		"31847106911":  false,
		"31847106a1":   false,
		"":             false,
		"٣184710691":   false,
	} {
		err := identity.ValidRNOKPP(code)
		if got := err == nil; got != valid {
			t.Errorf("ValidRNOKPP(%q) = %v, want valid %v", code, err, valid)
		}
		if err != nil {
			if !errors.Is(err, store.ErrInvalid) {
				t.Errorf("ValidRNOKPP(%q) = %v, want ErrInvalid", code, err)
			}
			if code != "" && strings.Contains(err.Error(), code) {
				t.Errorf("the error repeats the number: %v", err)
			}
		}
	}
}

type plainKeys struct{}

func (plainKeys) PersonKey(code string) []byte { sum := sha256.Sum256([]byte(code)); return sum[:] }

func TestOneNumberInTwoSpellingsIsOnePerson(t *testing.T) {
	key := func(code string) []byte {
		t.Helper()
		proof, err := identity.InPerson{Kind: "id-card", Seen: true, Code: code}.Prove(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		key, err := identity.Key(plainKeys{}, proof)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	if !bytes.Equal(key("3184710691"), key("318 471 0691")) {
		t.Error("two spellings of one number give two persons")
	}
	if bytes.Equal(key("3184710691"), key("2935277360")) {
		t.Error("two numbers give one person")
	}
}

func TestInPersonNeedsTheDocumentSeen(t *testing.T) {
	for name, p := range map[string]identity.InPerson{
		"unseen":       {Kind: "id-card", Code: "3184710691"},
		"unknown kind": {Kind: "library-card", Seen: true, Code: "3184710691"},
	} {
		if _, err := p.Prove(context.Background()); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
}
