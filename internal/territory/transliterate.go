package territory

import (
	"strings"
	"unicode"
)

// latin follows the table of the Cabinet's resolution no. 55 of 27.01.2010,
// letters inside a word; starts holds those that differ at its beginning.
var latin = map[rune]string{
	'а': "a", 'б': "b", 'в': "v", 'г': "h", 'ґ': "g", 'д': "d", 'е': "e", 'є': "ie", 'ж': "zh",
	'з': "z", 'и': "y", 'і': "i", 'ї': "i", 'й': "i", 'к': "k", 'л': "l", 'м': "m", 'н': "n",
	'о': "o", 'п': "p", 'р': "r", 'с': "s", 'т': "t", 'у': "u", 'ф': "f", 'х': "kh", 'ц': "ts",
	'ч': "ch", 'ш': "sh", 'щ': "shch", 'ь': "", 'ю': "iu", 'я': "ia",
}

var starts = map[rune]string{'є': "ye", 'ї': "yi", 'й': "y", 'ю': "yu", 'я': "ya"}

// Transliterate writes a Ukrainian name in Latin letters by the official
// table. What it doesn't know stays as it is.
func Transliterate(name string) string {
	var out strings.Builder
	var before rune
	for _, r := range name {
		if isApostrophe(r) {
			continue // written in neither case, and what follows stays inside the word
		}
		lower := unicode.ToLower(r)
		text, known := latin[lower]
		switch {
		case !known:
			out.WriteRune(r)
			before = 0
			continue
		case before == 0 && starts[lower] != "":
			text = starts[lower]
		case lower == 'г' && before == 'з':
			text = "gh" // зг is zgh, lest it read as ж
		}
		if lower != r && text != "" {
			text = strings.ToUpper(text[:1]) + text[1:]
		}
		out.WriteString(text)
		before = lower
	}
	return out.String()
}

func isApostrophe(r rune) bool {
	return r == '’' || r == '\'' || r == 'ʼ' || r == '`' || r == '‘'
}

// foldApostrophes writes every apostrophe that people type as the codifier's.
func foldApostrophes(s string) string {
	return strings.Map(func(r rune) rune {
		if isApostrophe(r) {
			return '’'
		}
		return r
	}, s)
}
