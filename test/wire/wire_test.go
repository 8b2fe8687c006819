// Package wire_test replays what real GoToSocial, snac and Fedify servers sent
// each other, as it was captured, into a running city, and looks into its
// database for what each activity should have done.
package wire_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"viche/federation/ap"
)

// A capture is one POST of a peer.
type capture struct {
	file     string // "gts-https/b-in-028-POST-Like"
	receiver string // the server that took it: "gts-b.peers.test"
	body     []byte
}

// captures finds the recorded traffic beside the repository.
func captures(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
			continue
		}
		wire := filepath.Join(filepath.Dir(dir), "shared", "data", "wire")
		if _, err := os.Stat(wire); err != nil {
			t.Skipf("shared/data is absent: %v", err)
		}
		return wire
	}
	t.Fatal("no go.mod above this folder")
	return ""
}

// posts are the recorded activities of one folder, in the order in which one
// server received them.
func posts(t *testing.T, folder string) map[string][]capture {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.body.json"))
	if err != nil {
		t.Fatal(err)
	}
	byReceiver := map[string][]capture{}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(strings.TrimSuffix(file, ".body.json") + ".http")
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), "\n\n")
		line, rest, _ := strings.Cut(rest, "\n")
		method, _, _ := strings.Cut(line, " ")
		host := ""
		for header := range strings.Lines(rest) {
			if name, value, ok := strings.Cut(header, ":"); ok && strings.EqualFold(name, "Host") {
				host = strings.TrimSpace(value)
				break
			}
		}
		if method != http.MethodPost || host == "" {
			t.Fatalf("%s: not a POST to a host: %s", file, line)
		}
		name := filepath.Base(folder) + "/" + strings.TrimSuffix(filepath.Base(file), ".body.json")
		byReceiver[host] = append(byReceiver[host], capture{file: name, receiver: host, body: body})
	}
	return byReceiver
}

func folders(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(captures(t), "*", ""))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, one := range all {
		if info, err := os.Stat(one); err == nil && info.IsDir() {
			list = append(list, one)
		}
	}
	return list
}

// TestEveryBodyIsUnderstood reads each recorded body with the city's parser and
// compares what it made of it with a plain reading.
func TestEveryBodyIsUnderstood(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, folder := range folders(t) {
		for _, list := range posts(t, folder) {
			for _, c := range list {
				seen++
				a, err := ap.Parse(c.body)
				if err != nil {
					t.Errorf("%s: %v", c.file, err)
					continue
				}
				if err := sameReading(c.body, a); err != nil {
					t.Errorf("%s: %v", c.file, err)
				}
			}
		}
	}
	if seen < 50 {
		t.Errorf("only %d bodies were found", seen)
	}
}

func sameReading(body []byte, a *ap.Activity) error {
	var plain struct {
		ID, Type, Actor string
		To, Cc, Object  any
	}
	if err := json.Unmarshal(body, &plain); err != nil {
		return err
	}
	if a.ID != plain.ID || a.Type != plain.Type || a.Actor != plain.Actor {
		return fmt.Errorf("read as %s %s by %s", a.Type, a.ID, a.Actor)
	}
	if fmt.Sprint(a.To) != fmt.Sprint(texts(plain.To)) || fmt.Sprint(a.Cc) != fmt.Sprint(texts(plain.Cc)) {
		return fmt.Errorf("addressed to %v, %v; the text says %v, %v", a.To, a.Cc, plain.To, plain.Cc)
	}
	id, kind := plain.Object, ""
	if o, ok := plain.Object.(map[string]any); ok {
		id = o["id"]
		kind, _ = o["type"].(string)
		if _, named := o["name"]; named && kind == "Note" && o["content"] == nil {
			kind = "Vote"
		}
	}
	if len(a.Objects) != 1 || a.Object.ID != id || a.Object.Type != kind {
		return fmt.Errorf("its object is read as %q %v; the text says %q %v", a.Object.Type, a.Object.ID, kind, id)
	}
	return nil
}

// texts reads one value or a list of them; the public address has three names.
func texts(v any) []string {
	list := []string{}
	switch v := v.(type) {
	case string:
		list = append(list, v)
	case []any:
		for _, one := range v {
			list = append(list, fmt.Sprint(one))
		}
	}
	for i, one := range list {
		if one == "as:Public" || one == "Public" {
			list[i] = ap.Public
		}
	}
	return list
}
