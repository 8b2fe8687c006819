package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"viche/internal/city"
)

func TestExitCodesTellWrongCallsFromFailures(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		line string
		code int
		says string
	}{
		{"version", 0, ""},
		{"check", 0, ""},
		{"sreve", 2, "viche sreve --help"},
		{"check --nonsense", 2, "viche check --help"},
		{"admin resident add", 2, "viche admin resident add --help"},
		{"admin resident add ivan --email i@example.org --territory UA12040150010056523", 2, "goes with --verified"},
		{"check --config /no/such/file", 1, "/no/such/file"},
		{"verify /no/such/folder", 1, "not verified"},
	} {
		var out, errors bytes.Buffer
		w := &world{in: strings.NewReader(""), out: &out, err: &errors}
		if got := run(strings.Fields(tt.line), w); got != tt.code {
			t.Errorf("viche %s = %d, want %d: %s", tt.line, got, tt.code, errors.String())
		}
		if !strings.Contains(errors.String(), tt.says) {
			t.Errorf("viche %s says %q, want %q in it", tt.line, errors.String(), tt.says)
		}
		if n := strings.Count(errors.String(), "\n"); n > 1 {
			t.Errorf("viche %s takes %d lines to say so, want one: %s", tt.line, n, errors.String())
		}
	}
}

func TestARenewedCertificateIsTakenUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(serial int64) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"viche.example"}}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		private, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "EC PRIVATE KEY", Bytes: private}} {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
				t.Fatal(err)
			}
			at := time.Unix(1_700_000_000+serial, 0)
			if err := os.Chtimes(path, at, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	files := &certificateFiles{certificate: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
	if _, err := files.get(nil); err == nil {
		t.Error("no certificate at the start is no error, want one")
	}
	serial := func() string {
		files.asked = time.Time{} // the next look is due
		pair, err := files.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(pair.Leaf.SerialNumber)
	}
	write(1)
	if got := serial(); got != "1" {
		t.Errorf("serial = %s, want 1", got)
	}
	write(2)
	if got := serial(); got != "2" {
		t.Errorf("serial after the renewal = %s, want 2", got)
	}
	if err := os.WriteFile(files.key, []byte("half a k"), 0o600); err != nil {
		t.Fatal(err)
	}
	write3 := time.Unix(1_800_000_000, 0)
	if err := os.Chtimes(files.certificate, write3, write3); err != nil {
		t.Fatal(err)
	}
	if got := serial(); got != "2" {
		t.Errorf("serial with a half-written key = %s, want the old one, 2", got)
	}
	write(4)

	// The same files by way of the settings.
	l, err := listen(city.Config{TLS: files.certificate + ", " + files.key, Listen: "127.0.0.1:0"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return // the test says why
		}
		defer conn.Close()
		_, _ = conn.Write([]byte("hello")) // shakes hands; the other side checks
	}()
	conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{ServerName: "viche.example", InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64(); got != 4 {
		t.Errorf("served serial = %d, want 4", got)
	}
	if _, err := listen(city.Config{TLS: "no.pem,no.pem", Listen: "127.0.0.1:0"}, nil); err == nil || !strings.Contains(err.Error(), "VICHE_TLS") {
		t.Errorf("missing certificate: %v, want an error that names VICHE_TLS", err)
	}
}
