package web

import (
	"errors"
	"strconv"
	"strings"

	"viche/internal/store"
)

// Number reads an id out of an address or a form. What is no number names nothing.
func Number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// FormErrors collects what is wrong with a form: a message a field. The part
// "errors" shows them on top, each with a link to its field; the part "field"
// repeats the message there. The zero value has no errors.
//
//	var wrong web.FormErrors
//	if title == "" { wrong.Add("title", "polls.new.title.missing") }
//	if wrong.Take(err) || wrong.Any() { site.Render(w, r, 422, "polls/new", view); return }
type FormErrors struct{ list []FormError }

// FormError is one message, for a field that has its name as its id.
type FormError struct {
	Field string
	Key   string
	Args  []any
}

// Add notes an error; a field keeps its first.
func (e *FormErrors) Add(field, key string, args ...any) {
	if e.For(field) == nil {
		e.list = append(e.list, FormError{field, key, args})
	}
}

// Take adds err if it is one that names a field, and says whether it was.
func (e *FormErrors) Take(err error) bool {
	var field *store.FieldError
	if !errors.As(err, &field) {
		return false
	}
	e.Add(field.Field, field.Key, field.Args...)
	return true
}

// TakeAll adds every error that names a field out of those joined into err, and
// says whether there was none of another kind.
func (e *FormErrors) TakeAll(err error) bool {
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return e.Take(err)
	}
	all := true
	for _, one := range joined.Unwrap() {
		all = e.TakeAll(one) && all
	}
	return all
}

// InOrder are the errors as their fields stand on the page; the rest comes last.
func (e FormErrors) InOrder(fields ...string) (out FormErrors) {
	for _, field := range fields {
		if one := e.For(field); one != nil {
			out.Add(field, one.Key, one.Args...)
		}
	}
	for _, one := range e.list {
		out.Add(one.Field, one.Key, one.Args...)
	}
	return out
}

// Paragraphs splits plain text; a template escapes it.
func Paragraphs(text string) (out []string) {
	for par := range strings.SplitSeq(text, "\n") {
		if par = strings.TrimSpace(par); par != "" {
			out = append(out, par)
		}
	}
	return out
}

// Any says whether there is something to repair.
func (e FormErrors) Any() bool { return len(e.list) > 0 }

// Len is the number of fields to repair.
func (e FormErrors) Len() int { return len(e.list) }

// List returns the errors in the order they were found.
func (e FormErrors) List() []FormError { return e.list }

// For returns the error of a field, nil if it has none.
func (e FormErrors) For(field string) *FormError {
	for i := range e.list {
		if e.list[i].Field == field {
			return &e.list[i]
		}
	}
	return nil
}
