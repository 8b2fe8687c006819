package markup

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

const (
	maxName  = 2000 // characters; callers hold names to less
	maxMarks = 2    // accents on one letter
)

// Name makes a name, title or other single line of somebody's safe to stand
// among our own words: characters that reverse the direction of what follows,
// that nobody sees, or that pile up over other lines are left out, and white
// space is one space. Use it before comparing names, too.
func Name(s string) string {
	var out strings.Builder
	var last rune
	marks, count, gap := 0, 0, false
	runes := []rune(norm.NFC.String(strings.ToValidUTF8(cut(s, 8*maxName), "\uFFFD")))
	for i, r := range runes {
		if unicode.IsSpace(r) || unicode.Is(unicode.Z, r) {
			gap = true
			continue
		}
		if !visible(r, last, next(runes, i)) {
			continue
		}
		if unicode.Is(unicode.M, r) && !selector(r) {
			if marks++; marks > maxMarks || last == 0 || gap {
				continue
			}
		} else {
			marks = 0
		}
		if count++; count > maxName {
			break
		}
		if gap && out.Len() > 0 {
			out.WriteByte(' ')
		}
		gap = false
		out.WriteRune(r)
		last = r
	}
	return out.String()
}

func next(runes []rune, i int) rune {
	if i+1 < len(runes) {
		return runes[i+1]
	}
	return 0
}

func selector(r rune) bool { return r == 0xFE0E || r == 0xFE0F }

// visible tells whether a character may stand between two others in a name.
func visible(r, before, after rune) bool {
	switch {
	case r == 0x200D: // joins the parts of one emoji, and nothing else
		return pictured(before) && pictured(after)
	case selector(r):
		return pictured(before) || before == '#' || before == '*' || unicode.IsDigit(before)
	case r == 0x200C: // Persian and the scripts of India need it inside words
		return unicode.In(before, unicode.Arabic, unicode.Devanagari, unicode.Bengali, unicode.Tamil, unicode.Telugu, unicode.Kannada, unicode.Malayalam)
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs):
		return false
	case blank(r):
		return false
	}
	return true
}

func pictured(r rune) bool {
	return unicode.In(r, unicode.So, unicode.Sk) || selector(r) || r >= 0x1F000 && r <= 0x1FAFF || r == '♀' || r == '♂' || r == '→' || r == '↔' || r == '↕'
}

// blank lists what counts as a letter or mark, and shows as nothing.
func blank(r rune) bool {
	switch {
	case r == 0x034F, r == 0x115F, r == 0x1160, r == 0x17B4, r == 0x17B5, r == 0x2800, r == 0x3164, r == 0xFFA0:
		return true
	case r >= 0xFE00 && r <= 0xFE0D, r >= 0x180B && r <= 0x180F, r >= 0xE0000 && r <= 0xE0FFF:
		return true
	}
	return false
}

// overriding are the characters that turn the direction of text against what it
// is; those that only say which way to begin stay.
func overriding(r rune) bool { return r == 0x202D || r == 0x202E }
