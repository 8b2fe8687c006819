package identity

import (
	"strings"

	"viche/internal/store"
)

// weights of the first nine digits of a РНОКПП in its check digit.
var weights = [9]int{-1, 5, 7, 9, 4, 6, 10, 5, 7}

// ValidRNOKPP checks the form and the check digit of a tax number; spaces and
// hyphens may stand in it. Its errors never repeat the number.
func ValidRNOKPP(code string) error {
	_, err := NormalRNOKPP(code)
	return err
}

// NormalRNOKPP is ValidRNOKPP and returns the ten digits alone.
func NormalRNOKPP(code string) (string, error) {
	code = strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '\u00a0' {
			return -1
		}
		return r
	}, code)
	if len(code) != 10 {
		return "", store.Invalid("code", "people.desk.code.digits")
	}
	sum := 0
	for i := range 10 {
		digit := int(code[i]) - '0'
		if digit < 0 || digit > 9 {
			return "", store.Invalid("code", "people.desk.code.digits")
		}
		if i < len(weights) {
			sum += weights[i] * digit
		}
	}
	// The first weight is negative, so Go's remainder may be as well.
	if check := ((sum % 11) + 11) % 11 % 10; check != int(code[9])-'0' || code == "0000000000" {
		return "", store.Invalid("code", "people.desk.code.check")
	}
	return code, nil
}
