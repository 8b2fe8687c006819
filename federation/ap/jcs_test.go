package ap

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/gowebpki/jcs"
)

func TestCanonicalReadsStrictly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		want string // canonical text, or "" and a fault
		code string
	}{
		{in: ` { "b" : 1 , "a" : [ true , null ] } `, want: `{"a":[true,null],"b":1}`},
		{in: `{"a":9007199254740991}`, want: `{"a":9007199254740991}`},
		{in: `0`, want: `0`},
		{in: `"\u0041\/\u000a\u001f"`, want: `"A/\n\u001f"`},
		{in: `"\ud83d\ude00"`, want: `"😀"`},
		{in: `"A\u030a"`, want: "\"A\u030a\""}, // no Unicode normalisation
		// UTF-16 order: the surrogates of 😂 come before U+FB33.
		{in: "{\"\ufb33\":1,\"😂\":2}", want: "{\"😂\":2,\"\ufb33\":1}"},
		{in: `{"a":1,"a":1}`, code: "json"},
		{in: `{"a":1,"\u0061":2}`, code: "json"},
		{in: `{"x":{"a":1,"b":2,"a":3}}`, code: "json"},
		{in: `"\ud83d"`, code: "json"},
		{in: `"\ude00\ud83d"`, code: "json"},
		{in: `"\ud83dx"`, code: "json"},
		{in: "\"\xed\xa0\xbd\"", code: "json"},
		{in: "\"\xff\"", code: "json"},
		{in: "\"\\n\xff\"", code: "json"},
		{in: "\xef\xbb\xbf{}", code: "json"},
		{in: `{"a":NaN}`, code: "json"},
		{in: `{"a":Infinity}`, code: "json"},
		{in: `{"a":01}`, code: "json"},
		{in: `{"a":.5}`, code: "json"},
		{in: `{"a":1.}`, code: "json"},
		{in: `{"a":+1}`, code: "json"},
		{in: `{"a":1,}`, code: "json"},
		{in: `[1,]`, code: "json"},
		{in: `{"a" 1}`, code: "json"},
		{in: `{a:1}`, code: "json"},
		{in: `{} {}`, code: "json"},
		{in: ``, code: "json"},
		{in: `"a`, code: "json"},
		{in: `"\`, code: "json"},
		{in: `"\u00`, code: "json"},
		{in: `"\u+123"`, code: "json"},
		{in: `"\x"`, code: "json"},
		{in: "\"\t\"", code: "json"},
		{in: strings.Repeat("[", 100_000), code: "json"},
		{in: strings.Repeat("[", 33) + strings.Repeat("]", 33), code: "json"},
		{in: `{"a":1.0}`, code: "number"},
		{in: `{"a":1e3}`, code: "number"},
		{in: `{"a":1E3}`, code: "number"},
		{in: `{"a":-0}`, code: "number"},
		{in: `{"a":-1}`, code: "number"},
		{in: `{"a":0.5}`, code: "number"},
		{in: `{"a":1e999}`, code: "number"},
		{in: `{"a":9007199254740992}`, code: "number"},
		{in: `{"a":99999999999999999999}`, code: "number"},
		{in: `{"a":[{"b":[0,1,-2]}]}`, code: "number"},
		{in: `{"a":-1,"a":1}`, code: "json"}, // the graver one
	} {
		got, err := Canonical([]byte(c.in))
		if string(got) != c.want || FaultCode(err) != c.code {
			t.Errorf("Canonical(%.40q) = %q, %v; want %q, fault %q", c.in, got, err, c.want, c.code)
		}
	}
}

func TestFaultsAreComparedByCode(t *testing.T) {
	t.Parallel()
	_, err := Canonical([]byte(`{"a":1,"a":2}`))
	if wrapped := fmt.Errorf("read: %w", err); !errors.Is(wrapped, ErrJSON) || errors.Is(wrapped, ErrNumber) {
		t.Errorf("errors.Is(%v) finds the wrong fault", wrapped)
	}
}

func TestNamesSortByUTF16(t *testing.T) {
	t.Parallel()
	names := []string{"", "a", "ab", "é", "І", "\ue000", "\uffff", "\U00010000", "\U0010ffff", "z\ue000", "z\U00010000", "\ud7ff", "😀", "😁"}
	for _, a := range names {
		for _, b := range names {
			want := slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
			if got := compareUTF16(a, b); sign(got) != want {
				t.Errorf("compareUTF16(%q, %q) = %d, want %d", a, b, got, want)
			}
		}
	}
}

func sign(n int) int { return min(1, max(-1, n)) }

// The published cases hold numbers that the strict reader refuses, so they are
// read here as a stranger's document is.
func TestPublishedCasesOfRFC8785(t *testing.T) {
	t.Parallel()
	var file struct {
		Cases []struct {
			Name  string
			Input string `json:"input_text"`
			Hex   string `json:"expected_utf8_hex"`
		}
	}
	decode(t, readFile(t, sharedData(t, "vectors", "jcs", "rfc8785-cases.json")), &file)
	if len(file.Cases) == 0 {
		t.Fatal("no cases")
	}
	for _, c := range file.Cases {
		root, _, err := readJSON([]byte(c.Input))
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if got := hex.EncodeToString(root.append(nil)); got != c.Hex {
			t.Errorf("%s: got %s, want %s", c.Name, got, c.Hex)
		}
	}
}

// FuzzCanonical: whatever is taken is taken the same way by a second
// implementation, and is a fixed point.
func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{`{"b":[1,"\u20ac\n",null],"a":{"😂":true,"דּ":0}}`, `[]`, `{"a":-1}`, `"\ud800"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := Canonical(raw)
		if err != nil {
			if code := FaultCode(err); code != "json" && code != "number" {
				t.Fatalf("error without its code: %v", err)
			}
			return
		}
		again, err := Canonical(got)
		if err != nil || !bytes.Equal(got, again) {
			t.Fatalf("not a fixed point: %q, then %q, %v", got, again, err)
		}
		if got[0] != '{' && got[0] != '[' {
			return // the other implementation takes no bare values
		}
		other, err := jcs.Transform(got)
		if err != nil || !bytes.Equal(got, other) {
			t.Fatalf("got %q, the other implementation %q, %v", got, other, err)
		}
	})
}
