package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// saver keeps what was read in a folder that can be verified offline. The
// first error stays; one without a folder keeps nothing.
type saver struct {
	dir string
	err error
}

// newSaver makes the folder. One that holds something is refused, so that
// what two runs read never mixes.
func newSaver(dir string) (*saver, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("save: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("save: %w", err)
	}
	if len(entries) > 0 {
		return nil, fmt.Errorf("save: the folder %s is not empty", dir)
	}
	return &saver{dir: dir}, nil
}

func (s *saver) file(name string, raw []byte) {
	if s.dir == "" || s.err != nil {
		return
	}
	if err := os.WriteFile(filepath.Join(s.dir, name), raw, 0o644); err != nil {
		s.err = fmt.Errorf("save: %w", err)
	}
}

// city keeps what a city itself showed, beside who it was.
func (s *saver) city(address string, items []json.RawMessage) {
	name, err := json.Marshal(address)
	if err != nil {
		s.err = fmt.Errorf("save: %w", err)
		return
	}
	parts := make([][]byte, len(items))
	for i, item := range items {
		parts[i] = item
	}
	raw := fmt.Appendf(nil, `{"from":%s,"items":[%s]}`, name, bytes.Join(parts, []byte(",")))
	host := address[strings.Index(address, "://")+len("://"):]
	s.file("city-"+strings.Map(inFileName, host)+".json", raw)
}

// inFileName keeps letters, digits, dots and hyphens of a host.
func inFileName(r rune) rune {
	if r == '.' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
		return r
	}
	return '_'
}
