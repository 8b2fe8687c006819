package storetest

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"viche/internal/store"
)

// Rows is each row of each table of a database as text, sorted, by table: what
// somebody finds who has the database alone, and what a test compares.
func Rows(t testing.TB, db *store.DB) map[string][]string {
	t.Helper()
	list := "select name from sqlite_master where type = 'table'"
	if db.Postgres() {
		list = "select table_name from information_schema.tables where table_schema = current_schema() and table_type = 'BASE TABLE'"
	}
	var tables []string
	if err := db.Read().NewRaw(list).Scan(t.Context(), &tables); err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, table := range tables {
		out[table] = rowsOf(t, db, table)
	}
	return out
}

func rowsOf(t testing.TB, db *store.DB, table string) (all []string) {
	t.Helper()
	rows, err := db.Read().QueryContext(t.Context(), `select * from "`+table+`"`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	values, into := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		var row []string
		for i, v := range values {
			if raw, ok := v.([]byte); ok {
				v = "x" + hex.EncodeToString(raw)
			}
			row = append(row, fmt.Sprintf("%s=%v", names[i], v))
		}
		all = append(all, strings.Join(row, " "))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}
