package keys

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestKeyFileOutlivesARestartAndIsPrivate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "keys.json")
	if _, err := Open(path); !errors.Is(err, ErrMissing) {
		t.Fatalf("Open without a file = %v, want ErrMissing", err)
	}
	f, err := Create(path, "tally", time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Create(path, "tally", time.Now()); err == nil {
		t.Fatal("Create replaced an existing key file")
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v, %v; want 0600", info.Mode(), err)
	}
	sealing, err := f.NewSealing("poll-1")
	if err != nil {
		t.Fatal(err)
	}
	other, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := other.Sealing("poll-1"); err != nil || !bytes.Equal(got, sealing) {
		t.Errorf("sealing key after a restart differs: %v", err)
	}
	if name, key := other.Tally(); name != "tally-2026" || len(key) != 64 {
		t.Errorf("tally key %q of %d bytes", name, len(key))
	}
	if !bytes.Equal(f.VoterSecret([]byte("p")), other.VoterSecret([]byte("p"))) || f.Fingerprint() != other.Fingerprint() {
		t.Error("derived keys differ after a restart")
	}
	// A second process opens a poll; this one sees its key without a restart.
	if _, err := other.NewSealing("poll-2"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Sealing("poll-2"); err != nil {
		t.Errorf("key made by another process: %v", err)
	}
	if _, err := f.NewSealing("poll-3"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Sealing("poll-1"); err != nil {
		t.Errorf("a change lost an older key: %v", err)
	}
	if err := f.Destroy("poll-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Sealing("poll-1"); !errors.Is(err, ErrDestroyed) {
		t.Errorf("destroyed key: %v, want ErrDestroyed", err)
	}
}

func TestSealBindsPurpose(t *testing.T) {
	t.Parallel()
	f, err := Create(filepath.Join(t.TempDir(), "k"), "tally", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := f.Seal("actor:1", []byte("secret"))
	if err != nil || bytes.Contains(sealed, []byte("secret")) {
		t.Fatalf("Seal = %x, %v", sealed, err)
	}
	if plain, err := f.Unseal("actor:1", sealed); err != nil || string(plain) != "secret" {
		t.Errorf("Unseal = %q, %v", plain, err)
	}
	if _, err := f.Unseal("actor:2", sealed); err == nil {
		t.Error("unsealed for another purpose")
	}
}

func TestDamagedKeyFileIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "k")
	for _, raw := range []string{"", "{", `{"version":1}`, `{"version":1,"city":"AAAA","person":"AAAA","actors":"AAAA"}`} {
		if err := os.WriteFile(path, []byte(raw), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("Open(%q) = %v, want a refusal that says why", raw, err)
		}
	}
}
