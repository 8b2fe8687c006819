// Package territory holds the units of Ukraine by the KATOTTG codifier: the
// country, its regions, raions, hromadas, settlements and city districts,
// with their names in time.
//
// The binary carries the country, the regions and a few cities; Import loads
// or renews the whole codifier. A code is the key and is never deleted; names
// are versioned. A Register keeps the open and the closed units in memory (the
// whole country takes some megabytes) and is renewed when the version in the
// database has moved, so an import beside a running server takes effect.
package territory

// Unit is one territory. Parent is empty for the country alone. Closed tells
// that the codifier no longer lists it.
type Unit struct {
	Code, Parent, Category string
	NameUK, NameEN         string
	Closed                 bool
}

// Name is the bare name, in English for "en" and in Ukrainian otherwise. It is
// never declined.
func (u Unit) Name(lang string) string {
	if lang == "en" {
		return u.NameEN
	}
	return u.NameUK
}

// crimea bears its kind in its name, unlike the oblasts.
const crimea = "UA01000000000013043"

// Label is the name with the kind of unit, the way it stands on a page:
// «Дніпропетровська область», «місто Кам’янське», "Kamianskyi raion".
func (u Unit) Label(lang string) string {
	if u.Code == crimea {
		if lang == "en" {
			return "Autonomous Republic of Crimea"
		}
		return u.NameUK
	}
	name := u.Name(lang)
	if lang == "en" {
		switch u.Category {
		case "O":
			return name + " oblast"
		case "P":
			return name + " raion"
		case "H":
			return name + " hromada"
		case "B":
			return name + " district"
		}
		return name
	}
	switch u.Category {
	case "O":
		return name + " область"
	case "P":
		return name + " район"
	case "H":
		return name + " громада"
	case "K", "M":
		return "місто " + name
	case "T":
		return "селище міського типу " + name
	case "X":
		return "селище " + name
	case "C":
		return "село " + name
	case "B":
		return name + " район міста"
	}
	return name
}
