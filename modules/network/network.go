// Package network is for the operator: whether what the city says reaches other
// servers and what they say arrives, which of them rest, and which are shut out.
package network

import (
	"embed"

	"github.com/go-chi/chi/v5"

	"viche/actors"
	"viche/federation"
	"viche/internal/store"
	"viche/modules"
	"viche/web"
)

// Files are the pages and messages of this module.
//
//go:embed templates locales
var Files embed.FS

// operator is the role that may come here.
const operator = "operator"

// Options are what Module needs, all of it.
type Options struct {
	DB         *store.DB
	Book       *actors.Book
	Federation *federation.City
}

type pages struct {
	Options
	site *web.Site
}

// Module is the manifest.
func Module(site *web.Site, o Options) modules.Module {
	s := pages{o, site}
	return modules.Module{Name: "network", Files: Files, Routes: s.routes}
}

func (s pages) routes(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(s.site.SignedIn, s.site.Only(func(v *web.Viewer) bool { return v.Has(operator, "") }))
		r.Get("/desk/federation", s.queue)
		r.Post("/desk/federation", s.decide)
		r.Get("/desk/federation/servers", s.servers)
		r.Post("/desk/federation/servers", s.decideServer)
		r.Get("/desk/federation/servers.csv", s.export)
	})
}
