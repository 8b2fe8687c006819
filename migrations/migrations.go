// Package migrations carries the schema of the whole database, one numbered
// file a step. A released file is never edited.
package migrations

import "embed"

// FS holds the files; store.Migrate runs them.
//
//go:embed *.sql
var FS embed.FS
