package ideas

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"viche/modules"
	"viche/web"
)

// Module is the manifest. It puts the pages on a site.
func (d *Ideas) Module(site *web.Site) modules.Module {
	d.site = site
	return modules.Module{Name: "ideas", Files: Files, Routes: d.routes, Periodic: d.Periodic()}
}

func (d *Ideas) routes(r chi.Router) {
	r.Get("/ideas", d.showList)
	r.Get("/ideas/feed.atom", d.feed)
	r.Get("/ideas/{id}", d.show)
	r.Get("/ideas/{id}/letter", d.letter)
	for _, form := range []string{"support", "arguments", "rating", "withdraw"} { // whoever comes back from signing in, or reloads
		r.Get("/ideas/{id}/"+form, func(w http.ResponseWriter, r *http.Request) { web.Redirect303(w, r, "/ideas/"+chi.URLParam(r, "id")) })
	}
	r.Group(func(r chi.Router) {
		r.Use(d.site.SignedIn)
		r.Get("/ideas/new", d.showNew)
		r.Post("/ideas", d.create)
		r.Post("/ideas/{id}/support", d.support)
		r.Post("/ideas/{id}/arguments", d.addArgument)
		r.Post("/ideas/{id}/rating", d.rate)
		r.Post("/ideas/{id}/withdraw", d.withdraw)
	})
	r.Group(func(r chi.Router) {
		r.Use(d.site.SignedIn, d.site.Only(watches))
		r.Get("/desk/ideas", d.desk)
		r.Get("/desk/ideas/{id}", d.showDecision)
		r.Post("/desk/ideas/{id}", d.decide)
		r.Post("/desk/ideas/arguments/{id}", d.removeArgument)
	})
}

// asked loads the idea that an address names.
func (d *Ideas) asked(r *http.Request) (*Idea, error) {
	return d.Load(r.Context(), d.DB.Read(), web.Number(chi.URLParam(r, "id")))
}
