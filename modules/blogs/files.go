package blogs

import "github.com/go-chi/chi/v5"

func (b *Blogs) fileRoutes(r chi.Router) {}
