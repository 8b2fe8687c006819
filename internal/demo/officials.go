package demo

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"viche/modules/officials"
)

// seat is an office of the demo with who holds it; every name is invented.
type seat struct {
	town, territory     string // the town's own territory if empty
	kind, title, sphere string
	seats               int
	holders             []string // the last one holds it now; "" for a vacancy
	round               roundState
	leaning             []float64 // how grades fall, the best first
}

// roundState is where the round of grades about somebody stands at the end.
type roundState int

const (
	noRound roundState = iota
	closedRound
	openRound
	fewRound // open, with too few grades to show
)

const (
	wellLiked  = 0
	divided    = 1
	criticised = 2
)

// leanings are how residents grade, six grades and no experience.
var leanings = [][]float64{
	wellLiked:  {18, 30, 27, 12, 6, 2, 5},
	divided:    {7, 14, 26, 26, 15, 5, 7},
	criticised: {2, 6, 15, 28, 30, 13, 6},
}

const dnipropetrovsk, kamianskyi = "UA12000000000090473", "UA12040000000032213"

var seats = []seat{
	{town: "ukraine", kind: "president", title: "Президент України (зразок картки)", holders: []string{"Взірцевий Умовний Зразок"}},
	{town: "ukraine", kind: "mp", title: "народний депутат України (загальнодержавний список)", holders: []string{"Олена Показова"}},
	{town: "ukraine", territory: dnipropetrovsk, kind: "mp", title: "народний депутат України (регіональний список)", holders: []string{"Ігор Прикладенко"}},
	{town: "ukraine", kind: "minister", title: "міністр (зразок)", sphere: "ecology", holders: []string{"Дарина Ескізна"}},
	{town: "ukraine", kind: "committee-chair", title: "голова комітету Верховної Ради (зразок)", holders: []string{"Тарас Макетенко"}},

	{town: "kamianske", territory: dnipropetrovsk, kind: "oblast-chair", title: "голова обласної ради", holders: []string{"Ніна Чернеткова"}},
	{town: "kamianske", territory: dnipropetrovsk, kind: "oblast-head", title: "начальник обласної військової адміністрації (зразок)", holders: []string{"Богдан Пробний"}},
	{town: "kamianske", territory: dnipropetrovsk, kind: "oblast-councillor", title: "депутат обласної ради", holders: []string{"Леся Вигаданюк"}},
	{town: "kamianske", territory: kamianskyi, kind: "raion-chair", title: "голова районної ради", holders: []string{"Семен Небувалко"}},
	{town: "kamianske", kind: "community-head", title: "міський голова", sphere: "government", holders: []string{"Роман Гаданенко"}, round: closedRound, leaning: leanings[divided]},
	{town: "kamianske", kind: "council-secretary", title: "секретар міської ради", sphere: "government", holders: []string{"Віра Зразкова"}, round: openRound, leaning: leanings[wellLiked]},
	{town: "kamianske", kind: "deputy-head", title: "перший заступник міського голови", sphere: "housing", holders: []string{"Марта Уявна"}, round: fewRound, leaning: leanings[divided]},
	{town: "kamianske", kind: "department-head", title: "начальник управління екології", sphere: "ecology", holders: []string{"Павло Моделюк"}, round: closedRound, leaning: leanings[criticised]},
	{town: "kamianske", kind: "councillor", title: "депутат міської ради, округ № 1", holders: []string{"Юлія Тестовчук"}, round: closedRound, leaning: leanings[wellLiked]},
	{town: "kamianske", kind: "councillor", title: "депутат міської ради, округ № 2", holders: []string{"Остап Абищук"}, round: closedRound, leaning: leanings[criticised]},
	{town: "kamianske", kind: "councillor", title: "депутат міської ради, округ № 3", holders: []string{"Галина Навчальна"}, round: closedRound, leaning: leanings[divided]},
	{town: "kamianske", kind: "councillor", title: "депутат міської ради, округ № 4", holders: []string{"Денис Ескізний"}},
	{town: "kamianske", kind: "councillor", title: "депутат міської ради, округ № 5", holders: []string{""}},

	{town: "lviv", kind: "community-head", title: "міський голова", sphere: "government", holders: []string{"Соломія Вигадана"}, round: closedRound, leaning: leanings[wellLiked]},
	{town: "lviv", kind: "deputy-head", title: "заступник із житлово-комунального господарства", sphere: "housing", holders: []string{"Андрій Умовний"}, round: openRound, leaning: leanings[criticised]},
	{town: "lviv", kind: "councillor", title: "депутат міської ради", seats: 4, holders: []string{"Ірина Взірцева", "Максим Казковий", "Оксана Пробна", "Юрій Нетутешній"}},
	{town: "lviv", kind: "starosta", title: "староста старостинського округу (зразок)", holders: []string{"Стефанія Приміренко"}, round: fewRound, leaning: leanings[wellLiked]},

	{town: "kharkiv", kind: "community-head", title: "міський голова", sphere: "government", holders: []string{"Гліб Зразковий"}, round: openRound, leaning: leanings[divided]},
	{town: "kharkiv", kind: "department-head", title: "директор департаменту освіти", sphere: "education", holders: []string{"Алла Уроченко"}, round: closedRound, leaning: leanings[wellLiked]},
	{town: "kharkiv", kind: "councillor", title: "депутат міської ради", seats: 4, holders: []string{"Кіра Показенко", "Лев Прообраз", "Ада Пунктир", "Микита Макетний"}},
	{town: "kharkiv", kind: "district-head", title: "голова адміністрації району", holders: []string{"Яків Чернетенко", "Поліна Абриська"}, round: closedRound, leaning: leanings[divided]},
}

// indicators are what the documents of the demo say of whoever is graded.
var indicators = []officials.NewIndicator{
	{Kind: "attendance", Value: "92", Unit: "%", Target: "90"}, {Kind: "votes", Value: "88", Unit: "%"}, {Kind: "answers", Value: "71", Unit: "%", Baseline: "64", Target: "95"},
	{Kind: "report", Value: "оприлюднено 14 лютого"}, {Kind: "reception", Value: "щовівторка"}, {Kind: "budget", Value: "96", Unit: "%", Target: "98"},
	{Kind: "promises", Value: "5 виконано, 3 у роботі, 1 не виконано, 2 ще не час"},
}

const seedReason = "Демонстраційні дані: люди й числа вигадані."

// FoundOfficials fills the registers of all instances, and opens the rounds that
// will have closed by now. Call it while the demo is being seeded, first.
func (d *Demo) FoundOfficials(ctx context.Context) error {
	for i, one := range seats {
		if err := d.seat(ctx, i, one); err != nil {
			return fmt.Errorf("%s of %s: %w", one.title, one.town, err)
		}
	}
	return d.openRounds(ctx, "10", closedRound)
}

// OpenOfficials opens the rounds that are open still.
func (d *Demo) OpenOfficials(ctx context.Context) error {
	return d.openRounds(ctx, "25", openRound, fewRound)
}

func (d *Demo) seat(ctx context.Context, number int, one seat) error {
	t := d.town(one.town)
	by := t.moderator().Handle
	in := officials.NewOffice{Kind: one.kind, Territory: one.territory, Sphere: one.sphere, Title: one.title, By: by, Reason: seedReason}
	if in.Territory == "" {
		in.Territory = t.place.territory
	}
	if one.seats > 1 {
		in.Seats = strconv.Itoa(one.seats)
	}
	office, err := t.Officials.AddOffice(ctx, in)
	if err != nil {
		return err
	}
	ago := func(days int) string { return d.now().AddDate(0, 0, -days).Format("2006-01-02") }
	for i, name := range one.holders {
		if name == "" {
			continue
		}
		term := officials.NewTerm{Office: office.ID, Name: name, About: "Вигадана особа.", From: ago(650), Source: "демонстраційне джерело", By: by, Reason: seedReason}
		if one.seats < 2 && i < len(one.holders)-1 { // the office has changed hands this year
			term.Until = ago(201)
		} else if one.seats < 2 && i > 0 {
			term.From = ago(200)
		}
		id, err := t.Officials.AddTerm(ctx, term)
		if err != nil {
			return err
		}
		if one.round == noRound && one.kind != "president" || term.Until != "" {
			continue
		}
		if err := t.document(ctx, number, id, by, ago); err != nil {
			return err
		}
	}
	return nil
}

// document enters what documents say of somebody, and what they reply.
func (t *town) document(ctx context.Context, number int, term int64, by string, ago func(days int) string) error {
	for i := range 4 {
		in := indicators[(number+i)%len(indicators)]
		in.Term, in.By, in.Reason, in.Source, in.SourceAt = term, by, seedReason, "демонстраційне джерело", ago(20)
		in.From, in.Until = ago(180), ago(30)
		if _, err := t.Officials.AddIndicator(ctx, in); err != nil {
			return err
		}
	}
	if number%3 != 0 {
		return nil
	}
	_, err := t.Officials.Say(ctx, officials.NewReply{Term: term, Kind: officials.Said, Document: "демонстраційний лист № 1", By: by, Reason: seedReason,
		Body: "Дякую за оцінку. Строки відповідей справді затягнули: з 1 грудня відповідає окрема людина, звіт – за квартал."})
	return err
}

func (d *Demo) openRounds(ctx context.Context, days string, states ...roundState) error {
	for _, one := range seats {
		for _, state := range states {
			if one.round != state || state == noRound {
				continue
			}
			t := d.town(one.town)
			term, err := t.inOffice(ctx, one)
			if err != nil {
				return fmt.Errorf("%s of %s: %w", one.title, one.town, err)
			}
			if _, err := t.Officials.OpenRound(ctx, term, days, "Черговий квартал.", t.moderator().Handle); err != nil {
				return fmt.Errorf("round about %s of %s: %w", one.title, one.town, err)
			}
		}
	}
	return d.TellOfficials(ctx)
}

// TellOfficials has the channels say which rounds have opened and closed.
func (d *Demo) TellOfficials(ctx context.Context) error {
	for _, t := range d.towns {
		if err := t.Officials.TellDue(ctx); err != nil {
			return fmt.Errorf("%s: %w", t.place.host, err)
		}
	}
	return nil
}

// inOffice is the term of whoever holds an office now.
func (t *town) inOffice(ctx context.Context, one seat) (id int64, err error) {
	name := one.holders[len(one.holders)-1]
	err = t.DB.ReadBound().Row(ctx, []any{&id}, `
		select t.id from office_terms t join offices o on o.id = t.office join office_holders h on h.id = t.holder
		where o.title = ? and h.name = ? and t.until_at = 0`, one.title, name)
	return id, err
}

// GradeOfficials has residents grade in every round that is open.
func (d *Demo) GradeOfficials(ctx context.Context) error {
	for _, one := range seats {
		if one.round == noRound {
			continue
		}
		t := d.town(one.town)
		term, err := t.inOffice(ctx, one)
		if err != nil {
			return err
		}
		var rounds []int64
		if err := t.DB.Read().NewRaw("select id from official_rounds where term = ? and closes > ?", term, d.now().UnixMilli()).Scan(ctx, &rounds); err != nil {
			return err
		}
		for _, id := range rounds {
			if err := t.gradeOne(ctx, one, id); err != nil {
				return fmt.Errorf("grade %s of %s: %w", one.title, one.town, err)
			}
		}
	}
	return nil
}

// gradeOne casts the grades of one round, many at once as in life.
func (t *town) gradeOne(ctx context.Context, one seat, round int64) error {
	chance := chanceOf(t.place.name, "grades", one.title)
	voters := t.voters()
	chance.Shuffle(len(voters), func(i, j int) { voters[i], voters[j] = voters[j], voters[i] })
	count := len(voters) * 8 / 10
	if one.round == fewRound {
		count = 7
	}
	options := append(append([]string{}, officials.Grades...), officials.NoExperience)
	var wait sync.WaitGroup
	errs := make(chan error, len(voters))
	for _, r := range voters[:min(count, len(voters))] {
		given := map[string]string{}
		for _, c := range officials.Criteria {
			if c == officials.Overall || chance.IntN(8) > 0 {
				given[c] = options[draw(chance, one.leaning)]
			}
		}
		wait.Go(func() {
			if _, err := t.Officials.Grade(ctx, r.viewer, round, given); err != nil {
				errs <- fmt.Errorf("@%s: %w", r.Handle, err)
			}
		})
	}
	wait.Wait()
	close(errs)
	return <-errs
}
