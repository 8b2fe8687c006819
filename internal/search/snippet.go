package search

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Piece of a text; Mark says that it is a word that was looked for. Both come
// as they were written, so whoever shows them escapes them.
type Piece struct {
	Text string
	Mark bool
}

const snippetLength = 240 // characters

// pieces parts a text at the words that were looked for.
func pieces(text string, words [][]string) (out []Piece) {
	done := 0
	add := func(end int, mark bool) {
		if end > done {
			out = append(out, Piece{text[done:end], mark})
			done = end
		}
	}
	eachWord(text, func(w string, start, end int) bool {
		if group(w, words) >= 0 {
			add(start, false)
			add(end, true)
		}
		return true
	})
	add(len(text), false)
	return out
}

// group is which of the words looked for a word is, -1 for none.
func group(word string, words [][]string) int {
	have := stems(word)
	return slices.IndexFunc(words, func(g []string) bool {
		return slices.ContainsFunc(g, func(s string) bool { return slices.Contains(have, s) })
	})
}

// snippet is the part of a text in which the most words that were looked for
// stand together; the beginning, if none does.
func snippet(text string, words [][]string) []Piece {
	text = strings.Join(strings.Fields(text), " ")
	type hit struct{ at, word int }
	var hits []hit
	eachWord(text, func(w string, start, _ int) bool {
		if g := group(w, words); g >= 0 {
			hits = append(hits, hit{start, g})
		}
		return len(hits) < 200
	})
	from, most := 0, 0
	for i, first := range hits {
		different := map[int]bool{}
		for _, h := range hits[i:] {
			if h.at-first.at > snippetLength {
				break
			}
			different[h.word] = true
		}
		if len(different) > most {
			from, most = first.at, len(different)
		}
	}
	return pieces(window(text, from), words)
}

// window is about snippetLength of text around from, cut between words.
func window(text string, from int) string {
	start := from
	for back := 0; start > 0 && back < snippetLength/4; back++ {
		_, size := utf8.DecodeLastRuneInString(text[:start])
		start -= size
	}
	if start > 0 {
		if i := strings.IndexFunc(text[start:from], unicode.IsSpace); i >= 0 {
			start += i + 1
		} else {
			start = from
		}
	}
	end := start
	for n := 0; end < len(text) && n < snippetLength; n++ {
		_, size := utf8.DecodeRuneInString(text[end:])
		end += size
	}
	if end < len(text) {
		if i := strings.LastIndexFunc(text[start:end], unicode.IsSpace); i > 0 {
			end = start + i
		}
	}
	out := text[start:end]
	if start > 0 {
		out = "… " + out
	}
	if end < len(text) {
		out += " …"
	}
	return out
}
