package demo

import (
	"context"
	"fmt"
	"time"

	"viche/actors"
	"viche/internal/store"
	"viche/modules/blogs"
)

// said is one post of the demo, with what others say to it. By is how many
// voters of the city stand before its author in the list.
type said struct {
	town    string
	by      int
	sphere  string
	title   string // of an article
	lead    string
	text    string
	options []string // of a question
	answers []said
	likes   int
}

var talk = []said{
	{town: "kamianske", by: 3, sphere: "ecology", title: "Як читати цифри про повітря й не лякатися даремно", likes: 14,
		lead: "Станція показує одне, ніс каже інше – і обоє мають рацію. Розповідаю, чим середньодобова норма відрізняється від разової та яке число варто запам’ятати.",
		text: `Одне й те саме повітря можна описати двома числами. **Разова** концентрація – це те, що станція виміряла за двадцять хвилин. **Середньодобова** – те, чим ви дихали від ночі до ночі.

Тому ввечері буває так: запах стоїть такий, що зачиняєш вікна, а добове число лишається в межах. Це не обман, це різні запитання.

Що робити вранці:

- подивіться на добове значення за вчора;
- якщо воно вище за 25 мкг на кубометр дрібного пилу, провітрюйте після дощу або вночі;
- запишіть час, коли відчули запах: десять таких записів корисніші за одну скаргу.

Конфлікт інтересів: немає. #повітря #екологія`,
		answers: []said{
			{town: "kamianske", by: 8, text: "Дякую, нарешті зрозуміло. А де подивитися добове значення за вчора – на сайті станції чи тут?"},
			{town: "lviv", by: 4, text: "У нас та сама плутанина з разовими вимірами. Перекажу сусідам.", likes: 3},
		}},
	{town: "kamianske", by: 5, title: "Три роки я ходив на сесії. Що я зрозумів", likes: 9, sphere: "government",
		lead: "Спочатку я чув лише номери рішень, потім навчився чути паузи. Ось п’ять запитань, після яких у залі стає цікаво.",
		text: `Перше: **що зміниться для мешканця завтра вранці?** Друге: **скільки це коштує щороку, а не лише зараз?** Третє: **хто відповідає прізвищем?** Четверте: **що станеться, якщо не зробити нічого?** П’яте: **коли ми перевіримо, чи спрацювало?**

На жодне з них не треба бути юристом. Потрібно лише прийти й дочекатися мікрофона.

Конфлікт інтересів: немає. #сесія`,
		answers: []said{{town: "kamianske", by: 11, text: "П’яте – найважливіше. Перевіряють рідко, а обіцяють часто."}}},
	{town: "lviv", by: 2, sphere: "osbb", title: "Збори, на які приходять: протокол, печиво і сорок хвилин", likes: 17,
		lead: "Сусіди не байдужі – вони втомлені. Я змінила в зборах три дрібниці, і вперше за два роки ми мали кворум.",
		text: `Дрібниця перша: порядок денний на одній сторінці, за тиждень, у ліфті. Дрібниця друга: рівно сорок хвилин за таймером. Дрібниця третя: печиво. Не смійтеся – під печиво лишаються поговорити ті, хто зазвичай іде першим.

Протокол пишу одразу на екрані, щоб усі бачили, під чим підписуються.

Конфлікт інтересів: головую в ОСББ. #осбб`,
		answers: []said{{town: "kamianske", by: 6, text: "Заздримо вашому кворуму! А хто платить за печиво?", answers: []said{{town: "lviv", by: 2, text: "Скидаємося по двадцять гривень. Дешевше, ніж другі збори."}}}}},
	{town: "lviv", by: 7, sphere: "transport", title: "Чому новий автобус не скоротив чекання", likes: 6,
		lead: "Ми купили кращий автобус і отримали той самий затор. Показую на одному перехресті, де насправді губляться ваші дев’ять хвилин.",
		text: `Я стояв на перехресті з секундоміром три ранки поспіль. Автобус їде шість хвилин і стоїть п’ятнадцять. Найдовше – там, де ліва смуга чекає стрілку, а він чекає її разом з усіма.

Не завжди потрібна нова машина. Інколи досить фарби й однієї секції світлофора.

Конфлікт інтересів: працюю інженером з організації руху. #транспорт`},
	{town: "kharkiv", by: 3, sphere: "education", title: "Урок під землею: що кажуть діти, коли їм не підказують", likes: 21,
		lead: "Я попросила п’ятикласників намалювати школу мрії. На жодному малюнку не було екрана, зате всюди були вікна.",
		text: `Вікна були великі, круглі, з кішкою на підвіконні. Одне – просто напис «тут сонце».

Ми повісили малюнки на стіни класу під землею. Тепер у нас тридцять вікон.

Конфлікт інтересів: учителюю в цій школі. #освіта`,
		answers: []said{{town: "kharkiv", by: 9, text: "Читала й плакала. Дякую вам за вікна.", likes: 8}, {town: "kamianske", by: 2, text: "Можна ми зробимо так само у своїй школі?"}}},
	{town: "kamianske", by: 9, sphere: "transport", text: "Трамвай № 2 сьогодні їхав кожні сім хвилин, і це вперше за місяць. Хто ще помітив? #трамвай", likes: 5,
		answers: []said{{town: "kamianske", by: 14, text: "Помітила! Дочекалася без телефона в руках."}}},
	{town: "kamianske", by: 4, text: "Збираємо книжки українською для бібліотеки на лівому березі. Приносьте до неділі, чай наш. #бібліотека", likes: 7},
	{town: "kamianske", by: 12, text: "О котрій вам зручніше прийти на толоку в парку?", options: []string{"о 9:00", "об 11:00", "о 14:00"}, likes: 2},
	{town: "lviv", by: 9, text: "У дворі посадили липу. Наступні тридцять років – полив за графіком, графік на дверях. #двори", likes: 11},
	{town: "kharkiv", by: 6, text: "Курси першої допомоги в суботу онлайн, посилання дам тим, хто напише. Минулого разу прийшло сорок людей.", likes: 4,
		answers: []said{{town: "kharkiv", by: 2, text: "Пишу! Двоє з нашого під’їзду теж хочуть."}}},
}

// follows is who of which city follows whom elsewhere, besides the people of
// the sign-ins, who follow their city's authors.
var follows = []struct {
	town, handle string
	by           int
}{
	{"lviv", "ecology", 1}, {"lviv", "city", 3}, {"kharkiv", "education", 2}, {"kamianske", "transport", 1}, {"kamianske", "city", 2},
}

// acquaint has residents follow channels of other cities, and those who show
// the demo follow whoever will write.
func (s *seeding) acquaint(ctx context.Context) error {
	for _, f := range follows {
		for _, t := range s.cities() {
			voters := t.voters()
			who, err := t.writer(ctx, voters[f.by%len(voters)])
			if err != nil {
				return err
			}
			target, err := t.Federation.Lookup(ctx, "@"+f.handle+"@"+s.town(f.town).Config.Host)
			if err != nil {
				return fmt.Errorf("look up @%s of %s: %w", f.handle, f.town, err)
			}
			if err := t.Blogs.Follow(ctx, who.Actor, target); err != nil {
				return err
			}
		}
	}
	for _, one := range talk {
		home := s.town(one.town)
		author := home.voters()[one.by%len(home.voters())]
		for _, t := range s.cities() {
			target, err := t.Federation.Lookup(ctx, "@"+author.Handle+"@"+home.Config.Host)
			if err != nil {
				return fmt.Errorf("look up @%s of %s: %w", author.Handle, one.town, err)
			}
			for _, r := range t.people {
				if !r.quiet || !r.verified {
					continue
				}
				who, err := t.writer(ctx, r)
				if err != nil {
					return err
				}
				if err := t.Blogs.Follow(ctx, who.Actor, target); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (t *town) writer(ctx context.Context, r *resident) (blogs.Writer, error) {
	return t.Blogs.Writer(ctx, r.viewer.AccountID)
}

// talkAbout publishes what the demo's residents say, answers after the post has
// reached the other cities.
func (s *seeding) talkAbout(ctx context.Context) error {
	for _, one := range talk {
		t := s.town(one.town)
		author, err := t.writer(ctx, t.voters()[one.by%len(t.voters())])
		if err != nil {
			return err
		}
		d := blogs.Draft{Article: one.title != "", Title: one.title, Text: one.text, Visibility: blogs.Public, Lang: "uk", Sphere: one.sphere}
		if d.Article {
			d.Warning = one.lead
		}
		if len(one.options) > 0 {
			poll := blogs.Poll{Closes: store.Millis(time.Now().Add(3 * day))}
			for _, o := range one.options {
				poll.Options = append(poll.Options, blogs.PollOption{Name: o})
			}
			d.Poll = &poll
		}
		if err := s.say(ctx, t, author, one, d); err != nil {
			return err
		}
	}
	return nil
}

func (s *seeding) answer(ctx context.Context, answers []said, to string) error {
	for _, one := range answers {
		t := s.town(one.town)
		author, err := t.writer(ctx, t.voters()[one.by%len(t.voters())])
		if err != nil {
			return err
		}
		parent, err := t.Blogs.Fetch(ctx, to)
		if err != nil {
			return fmt.Errorf("fetch %s: %w", to, err)
		}
		d := blogs.Draft{Text: one.text, Visibility: blogs.Public, Lang: "uk", ReplyTo: parent.ID}
		if err := s.say(ctx, t, author, one, d); err != nil {
			return err
		}
	}
	return nil
}

// say publishes one post, has others like it, and, once it has reached the other
// cities, answer it.
func (s *seeding) say(ctx context.Context, t *town, author blogs.Writer, one said, d blogs.Draft) error {
	p, err := t.Blogs.Publish(ctx, author, d)
	if err != nil {
		return fmt.Errorf("publish %.40q: %w", one.text, err)
	}
	if err := s.like(ctx, t, p, one.likes); err != nil {
		return err
	}
	if err := s.settle(ctx); err != nil {
		return err
	}
	return s.answer(ctx, one.answers, p.URI)
}

// like has some residents of a city like a post, and one pass it on.
func (s *seeding) like(ctx context.Context, t *town, p *blogs.Post, count int) error {
	voters := t.voters()
	var first *actors.Actor
	for i := range min(count, len(voters)) {
		w, err := t.writer(ctx, voters[(int(p.ID%7)+3*i)%len(voters)])
		if err != nil {
			return err
		}
		if w.Actor.ID == p.Author {
			continue
		}
		if first == nil {
			first = &w.Actor
		}
		if err := t.Blogs.Like(ctx, w.Actor, p.ID); err != nil {
			return err
		}
	}
	if first == nil || count < 8 {
		return nil
	}
	return t.Blogs.Boost(ctx, *first, p.ID)
}
