package search

import "strings"

// english takes the endings of inflection off an English word, after the first
// step of Porter's rules; derived words stay apart.
func english(w string) string {
	if len(w) <= 3 {
		return strings.TrimSuffix(w, "e")
	}
	switch {
	case strings.HasSuffix(w, "ies") && len(w) > 4:
		return w[:len(w)-2]
	case strings.HasSuffix(w, "sses"):
		w = w[:len(w)-2]
	case strings.HasSuffix(w, "s") && !strings.HasSuffix(w, "ss") && !strings.HasSuffix(w, "us") && !strings.HasSuffix(w, "is"):
		w = w[:len(w)-1]
		if len(w) > 4 && (strings.HasSuffix(w, "xe") || strings.HasSuffix(w, "che") || strings.HasSuffix(w, "she")) {
			w = w[:len(w)-1]
		}
	}
	for _, ending := range []string{"ing", "ied", "ed"} {
		rest, ok := strings.CutSuffix(w, ending)
		if !ok || len(rest) < 3 || !strings.ContainsAny(rest, "aeiouy") {
			continue
		}
		if ending == "ied" {
			return rest + "i"
		}
		if n := len(rest); rest[n-1] == rest[n-2] && !strings.ContainsAny(rest[n-1:], "lsz") {
			rest = rest[:n-1] // planned, planning
		}
		w = rest
		break
	}
	if rest, ok := strings.CutSuffix(w, "y"); ok && len(rest) > 2 {
		return rest + "i"
	}
	return strings.TrimSuffix(w, "e")
}
