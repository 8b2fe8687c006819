// Package storetest gives each test a migrated database of its own.
package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // creates and drops the test's database

	"viche/internal/store"
	"viche/migrations"
)

// Each runs f on a fresh SQLite file and, where VICHE_TEST_POSTGRES names a
// server on which databases may be created, on a fresh PostgreSQL database.
func Each(t *testing.T, f func(t *testing.T, db *store.DB)) {
	t.Helper()
	EachDSN(t, func(t *testing.T, dsn string) { f(t, Open(t, dsn, store.Options{})) })
}

// EachDSN is Each for tests that open the database themselves.
func EachDSN(t *testing.T, f func(t *testing.T, dsn string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { f(t, SQLite(t)) })
	if os.Getenv("VICHE_TEST_POSTGRES") != "" {
		t.Run("postgres", func(t *testing.T) { f(t, Postgres(t)) })
	}
}

// SQLite is the address of a file that does not exist yet.
func SQLite(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "viche.db") }

// Postgres creates an empty database that ends with the test.
func Postgres(t testing.TB) string {
	t.Helper()
	server := os.Getenv("VICHE_TEST_POSTGRES")
	if server == "" {
		t.Skip("VICHE_TEST_POSTGRES is not set: no PostgreSQL server to test on")
	}
	admin, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatalf("open %s: %v", server, err)
	}
	name := fmt.Sprintf("viche_%d", store.NewID())
	if _, err := admin.Exec("create database " + name + " template template0 encoding 'UTF8'"); err != nil {
		t.Fatalf("create database: %v", err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec("drop database if exists " + name + " with (force)"); err != nil {
			t.Logf("drop database: %v", err)
		}
		_ = admin.Close()
	})
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("VICHE_TEST_POSTGRES: %v", err)
	}
	u.Path = "/" + name
	return u.String()
}

// Open opens and migrates dsn; the test closes it at its end.
func Open(t testing.TB, dsn string, o store.Options) *store.DB {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db, err := store.Open(ctx, dsn, o)
	if err != nil {
		t.Fatalf("open %s: %v", dsn, err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if err := db.Migrate(ctx, migrations.FS); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	return db
}

// Runs is how often a test with seeds tries: VICHE_RUNS, or a number that does
// not hold everybody up who runs all tests.
func Runs(t testing.TB, few int) int {
	t.Helper()
	text := os.Getenv("VICHE_RUNS")
	if text == "" {
		return few
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("VICHE_RUNS=%q: want a number", text)
	}
	return n
}
