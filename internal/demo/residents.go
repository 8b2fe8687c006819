package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"viche/internal/store"
	"viche/internal/territory"
	"viche/modules/people"
	"viche/web"
)

// Password opens every account of a demo.
const Password = "viche-demo-2026"

// resident is an account of the demo while it is being seeded.
type resident struct {
	people.Added
	viewer       *web.Viewer
	organisation bool
	verified     bool
	quiet        bool // a printed sign-in: has not voted and supports nothing yet
}

// SignIn is an account that is told to whoever starts a demo.
type SignIn struct {
	Host, Email        string
	Ukrainian, English string // who it is
}

// guide is an account with a sign-in that is told.
type guide struct {
	town, mail, name   string
	roles              []string
	verified           bool
	Ukrainian, English string
}

var guides = []guide{
	{"kamianske", "olena", "Олена Зразкова", nil, true, "підтверджена мешканка, ще не голосувала", "a verified resident who has not voted yet"},
	{"kamianske", "ihor", "Ігор Прикладний", nil, false, "ще не підтверджений", "not verified yet"},
	{"kamianske", "maria", "Марія Умовна", []string{web.Moderator}, true, "модераторка", "a moderator"},
	{"kamianske", "taras", "Тарас Моделюк", []string{web.Operator}, true, "оператор вузла: бачить усі листи", "the operator, who sees all mail"},
	{"lviv", "hanna", "Ганна Вигадана", nil, true, "підтверджена мешканка, ще не голосувала", "a verified resident who has not voted yet"},
	{"lviv", "bohdan", "Богдан Казкар", nil, false, "ще не підтверджений", "not verified yet"},
	{"lviv", "sofiia", "Софія Навчальна", []string{web.Moderator}, true, "модераторка", "a moderator"},
	{"kharkiv", "nazar", "Назар Ескізний", nil, true, "підтверджений мешканець, ще не голосував", "a verified resident who has not voted yet"},
	{"kharkiv", "iryna", "Ірина Уявна", nil, false, "ще не підтверджена", "not verified yet"},
	{"kharkiv", "yurii", "Юрій Тестовчук", []string{web.Moderator}, true, "модератор", "a moderator"},
	{"ukraine", "kateryna", "Катерина Абищук", []string{web.Officer, web.Operator}, false, "уповноважена координатора", "the coordinator’s officer"},
}

// SignIns are the accounts to try, in the order of the instances.
func (d *Demo) SignIns() (list []SignIn) {
	for _, g := range guides {
		t := d.town(g.town)
		list = append(list, SignIn{t.Config.Host, g.mail + "@" + t.place.host, g.Ukrainian, g.English})
	}
	return list
}

// organisations have an account and never vote; all are invented.
var organisations = map[string][]string{
	"kamianske": {"Пекарня «Зразковий коровай»", "Юридична майстерня «Параграф і чай»"},
	"lviv":      {"Книгарня «Вигадана полиця»"},
	"kharkiv":   {"Спортклуб «Умовний рекорд»", "Друкарня «Пробний відбиток»"},
	"ukraine":   {"Курси «Навчальний приклад»"},
}

// Names are plainly invented. The apostrophe, the hyphen and first names of
// several peoples are there to be sorted, searched for and shortened.
var (
	women    = strings.Fields("Олена Марія Ганна Софія Ірина Катерина Людмила Зоя Аліна Валентина Леся Емілія Рахіль")
	men      = strings.Fields("Ігор Тарас Богдан Назар Юрій Остап Андрій Микола Григорій Артем Дмитро Рустем Мар’ян")
	stems    = strings.Fields("Зразков Прикладн Вигадан Уявн Умовн Показов Пробн Навчальн Ескізн")
	surnames = strings.Fields("Прикладенко Макетенко Гаданенко Чернетенко Небувалко Тестовчук Абищук Моделюк Казкар")

	// holders are names of the invented holders of offices; no resident has one.
	holders = map[string]bool{"Олена Показова": true, "Ігор Прикладенко": true, "Тарас Макетенко": true, "Богдан Пробний": true, "Остап Абищук": true, "Андрій Умовний": true}

	// pseudonyms are what a third of the residents go by.
	heads = strings.Fields("Сова Читачка Дід Кіт Їжак Горобець Бджола Ластівка Садівник Мандрівниця Пасічник Швачка Сусідка Рибалка Шахістка Скрипаль Пекарка")
	tails = []string{"з другого поверху", "з велосипедом", "з набережної", "із самоваром", "з горища", "біля річки", "у капелюсі", "з парасолею", "на лавці", "без парканів", "по-сусідськи"}
)

// names gives people's names and, for a third of them, pseudonyms, in the same
// order at every seeding of a town; each handle once.
type names struct {
	chance *rand.Rand
	taken  map[string]bool
	given  int
}

func (n *names) next() (name, handle string) {
	n.given++
	for {
		if n.given%3 == 0 {
			name = pick(n.chance, heads) + " " + pick(n.chance, tails)
		} else {
			name = n.person()
		}
		if handle = handleOf(name); !n.taken[handle] && !holders[name] {
			n.taken[handle] = true
			return name, handle
		}
	}
}

func (n *names) person() string {
	she := n.chance.IntN(2) == 0
	first, ending := pick(n.chance, men), "ий"
	if she {
		first, ending = pick(n.chance, women), "а"
	}
	if n.chance.IntN(3) > 0 {
		return first + " " + pick(n.chance, stems) + ending
	}
	last := pick(n.chance, surnames)
	if n.chance.IntN(12) == 0 {
		if other := pick(n.chance, surnames); other != last {
			last += "-" + other
		}
	}
	return first + " " + last
}

// handleOf writes a name in the letters of handles, thirty at most.
func handleOf(name string) string {
	latin := strings.ToLower(territory.Transliterate(name))
	handle := strings.Join(strings.FieldsFunc(latin, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }), "_")
	return strings.TrimRight(handle[:min(len(handle), 30)], "_")
}

func pick[T any](chance *rand.Rand, list []T) T { return list[chance.IntN(len(list))] }

// addPeople gives a town its guides, its organisations and, in a city, count
// residents more. hash is of the one password.
func (t *town) addPeople(ctx context.Context, count int, hash string) error {
	n := &names{chance: chanceOf(t.place.name, "names"), taken: map[string]bool{}}
	err := t.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		t.people = nil
		for _, g := range guides {
			if g.town == t.place.name {
				n.taken[handleOf(g.name)] = true
				if err := t.addGuide(ctx, tx, g, hash); err != nil {
					return err
				}
			}
		}
		for _, name := range organisations[t.place.name] {
			if err := t.add(ctx, tx, people.NewResident{Kind: people.Organisation, Name: name, Handle: handleOf(name), PasswordHash: hash}); err != nil {
				return err
			}
		}
		if t.Union.Coordinator {
			return nil // residents live in cities
		}
		for i := range count {
			name, handle := n.next()
			// Some are still to be verified.
			if err := t.add(ctx, tx, people.NewResident{Name: name, Handle: handle, PasswordHash: hash, Verified: i%12 != 0}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("people of %s: %w", t.place.host, err)
	}
	for _, g := range guides {
		if g.town != t.place.name || len(g.roles) < 2 {
			continue
		}
		for _, role := range g.roles[1:] {
			if err := t.People.SetRole(ctx, handleOf(g.name), role, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *town) addGuide(ctx context.Context, tx *store.Tx, g guide, hash string) error {
	wanted := people.NewResident{Name: g.name, Handle: handleOf(g.name), Email: g.mail + "@" + t.place.host, PasswordHash: hash, Verified: g.verified}
	if len(g.roles) > 0 {
		wanted.Role = g.roles[0]
	}
	if err := t.add(ctx, tx, wanted); err != nil {
		return err
	}
	t.people[len(t.people)-1].quiet = true
	return nil
}

func (t *town) add(ctx context.Context, tx *store.Tx, n people.NewResident) error {
	if n.Email == "" {
		n.Email = n.Handle + "@" + t.place.host
	}
	if n.Verified {
		n.Territory, n.Reason = t.place.territory, "демонстраційні дані"
	}
	added, err := t.People.AddResidentIn(ctx, tx, n)
	if err != nil {
		return err
	}
	t.people = append(t.people, &resident{
		Added: added, organisation: n.Kind == people.Organisation, verified: n.Verified,
		viewer: &web.Viewer{AccountID: added.Account, ActorID: added.ActorID, Handle: added.Handle, Name: n.Name, Lang: "uk", Verified: n.Verified, Territory: n.Territory},
	})
	return nil
}

// voters are those who may vote and are nobody's printed sign-in.
func (t *town) voters() (list []*resident) {
	for _, r := range t.people {
		if r.verified && !r.quiet {
			list = append(list, r)
		}
	}
	return list
}
