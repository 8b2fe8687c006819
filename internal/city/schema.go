package city

import (
	"context"
	"fmt"
	"io/fs"
	"strings"

	"viche/migrations"
)

// checkSchema refuses to run on a schema that is older than the program, where
// the settings say that the instance doesn't bring it up by itself.
func (c *City) checkSchema(ctx context.Context) error {
	files, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil {
		return err
	}
	want := 0
	for _, name := range files {
		if !strings.HasSuffix(name, ".postgres.sql") {
			want++
		}
	}
	var have int
	// An error means that not even the list of migrations is there.
	err = c.DB.ReadBound().Row(ctx, []any{&have}, "select count(*) from schema_migrations")
	if err == nil && have >= want {
		return nil
	}
	return Fault{
		Setting: "VICHE_MIGRATE", Problem: fmt.Sprintf("it is false, and the database has %d of %d migrations", have, want),
		Accepted: "run `viche migrate` first, or set VICHE_MIGRATE=true",
	}
}
