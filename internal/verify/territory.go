package verify

import "strings"

// country is the code of the whole country, which KATOTTG itself has not.
const country = "UA"

// The levels of a KATOTTG code: oblast, raion, hromada, settlement, district
// of a city. A unit's code begins with the non-zero levels of every unit that
// holds it, so containment can be read from the codes alone and a checker
// needs no register. (The last five digits are the unit's own number.)
var levels = []int{2, 2, 3, 3, 2}

// within tells whether a unit lies in an area or is that area.
func within(unit, area string) bool {
	if !strings.HasPrefix(unit, country) {
		return false
	}
	if area == country || unit == area {
		return true
	}
	prefix, full := stem(area)
	return prefix != "" && !full && strings.HasPrefix(unit, prefix)
}

// stem gives the levels of a code that are not zero, and whether that is all
// of them, so that nothing can lie inside.
func stem(code string) (prefix string, full bool) {
	if len(code) != 19 || !strings.HasPrefix(code, country) {
		return "", false
	}
	at, end := len(country), len(country)
	for _, width := range levels {
		if strings.Trim(code[at:at+width], "0") != "" {
			end = at + width
		}
		at += width
	}
	if end == len(country) {
		return "", false
	}
	return code[:end], end == at
}
