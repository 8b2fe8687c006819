package actors

import "slices"

// A SphereName is one of the twenty spheres of influence.
type SphereName struct {
	Slug   string // handle of the channel and part of addresses
	Key    string // message key of the name in pages
	NameUK string
	NameEN string
}

// Spheres are all of them in their fixed order, which every module keeps.
var Spheres = []SphereName{
	{"ecology", "spheres.ecology", "Екологія", "Environment"},
	{"social", "spheres.social", "Соціальна сфера", "Social policy"},
	{"health", "spheres.health", "Охорона здоров’я", "Health care"},
	{"safety", "spheres.safety", "Безпека та правоохоронна система", "Safety and law enforcement"},
	{"industry", "spheres.industry", "Промисловість", "Industry"},
	{"business", "spheres.business", "Малий та середній бізнес", "Small and medium business"},
	{"investment", "spheres.investment", "Інвестиції, ринок праці", "Investment and the labour market"},
	{"agriculture", "spheres.agriculture", "Сільське господарство та ринок землі", "Agriculture and the land market"},
	{"education", "spheres.education", "Освіта та наука", "Education and science"},
	{"culture", "spheres.culture", "Культура, мистецтво, дозвілля, туризм", "Culture, arts, leisure, tourism"},
	{"sport", "spheres.sport", "Фізична культура та спорт", "Physical culture and sport"},
	{"youth", "spheres.youth", "Молодіжна політика", "Youth policy"},
	{"housing", "spheres.housing", "Житлово-комунальне господарство", "Housing and utilities"},
	{"osbb", "spheres.osbb", "ОСББ", "Condominium associations (OSBB)"},
	{"energy", "spheres.energy", "Енергозбереження", "Energy saving"},
	{"transport", "spheres.transport", "Транспорт, інфраструктура, Інтернет та зв’язок", "Transport, infrastructure, internet and communications"},
	{"it", "spheres.it", "ІТ технології, програмування", "Information technology, programming"},
	{"civil", "spheres.civil", "Розвиток громадянського суспільства", "Development of civil society"},
	{"government", "spheres.government", "Державне управління", "Public administration"},
	{"rights", "spheres.rights", "Права людини", "Human rights"},
}

// IsSphere says whether a slug is that of one of the spheres.
func IsSphere(slug string) bool {
	return slices.ContainsFunc(Spheres, func(s SphereName) bool { return s.Slug == slug })
}
