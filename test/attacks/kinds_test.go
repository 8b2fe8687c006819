package attacks

import (
	"os"

	"viche/internal/citytest"
)

// kinds are the databases that the attacks are tried on. What they aim at is the
// same on both, and each takes minutes, so PostgreSQL is for VICHE_ATTACKS=all.
func kinds() map[string]citytest.Options {
	all := citytest.Kinds()
	if os.Getenv("VICHE_ATTACKS") != "all" {
		for name, o := range all {
			if o.Postgres {
				delete(all, name)
			}
		}
	}
	return all
}
