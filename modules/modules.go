// Package modules says what a module is: one struct that tells internal/city
// everything about a thing that people do. A field that is missing means
// "none". No module imports another; what one needs of another it is handed as
// a function.
package modules

import (
	"context"
	"io/fs"

	"github.com/go-chi/chi/v5"
	"github.com/riverqueue/river"

	"viche/internal/store"
)

// Module is the manifest of one folder below modules.
type Module struct {
	Name     string                                 // "polls": also the prefix of its pages and messages
	Files    fs.FS                                  // templates/ and locales/
	Routes   func(chi.Router)                       // pages and forms
	Jobs     func(*river.Workers)                   // what works its jobs off
	Periodic []store.Periodic                       // what comes round by the clock
	Seed     func(context.Context, *store.Tx) error // data for a demo
}
