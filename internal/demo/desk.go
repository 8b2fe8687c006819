package demo

import (
	"context"
	"fmt"

	"viche/actors/identity"
	"viche/modules/people"
	"viche/web"
)

// visitDesks leaves something on each moderator's desk and in the operator's
// mail: wishes to be verified, one of which is granted, and a sign-up.
func (s *seeding) visitDesks(ctx context.Context) error {
	notes := []string{
		"Можу зайти у вівторок після 17:00, паспорт і картка платника податків зі мною.",
		"Користуюся кріслом колісним: чи є вхід без сходів?",
		"Буду з донькою, вона теж хоче зареєструватися.",
	}
	for number, t := range s.cities() {
		var waiting []*resident
		for _, r := range t.people {
			if !r.verified && !r.quiet && !r.organisation {
				waiting = append(waiting, r)
			}
		}
		for i, note := range notes[:min(len(notes), len(waiting))] {
			if err := t.People.RequestVerification(ctx, waiting[i].Account, t.place.territory, note); err != nil {
				return fmt.Errorf("%s: %w", t.place.host, err)
			}
		}
		if len(waiting) > 0 {
			if err := t.verify(ctx, waiting[0], number); err != nil {
				return fmt.Errorf("%s: %w", t.place.host, err)
			}
		}
	}
	return s.signUp(ctx, s.town("kamianske"))
}

// signUp leaves a letter whose link waits to be opened.
func (s *seeding) signUp(ctx context.Context, t *town) error {
	if t.Config.Registration == people.RegistrationClosed {
		return nil
	}
	wrong, err := t.People.SignUp(ctx, people.SignUp{
		Kind: people.Resident, Handle: "novosel_z_valizoiu", Name: "Новосел із валізою", Email: "novosel@" + t.place.host,
		Password: Password, Lang: "uk", Charter: true, Age: true,
	})
	if err != nil {
		return err
	}
	if wrong.Any() {
		return fmt.Errorf("sign-up at %s: %v", t.place.host, wrong)
	}
	return nil
}

// verify has the moderator see a document, after which the resident may vote
// in polls that open later.
func (t *town) verify(ctx context.Context, r *resident, number int) error {
	var request int64
	err := t.DB.ReadBound().Row(ctx, []any{&request}, "select id from verification_requests where account = ? and state = 'open'", r.Account)
	if err != nil {
		return fmt.Errorf("request of @%s: %w", r.Handle, err)
	}
	moderator := *t.moderator()
	moderator.Roles = []web.Role{{Name: web.Moderator}}
	_, err = t.People.VerifyInPerson(ctx, people.Meeting{
		Request: request, Moderator: &moderator, Document: identity.Documents[0], Seen: true,
		Code: taxNumber(700 + number), Territory: t.place.territory, Reason: "Зустріч у бібліотеці, документ оглянуто.",
	})
	return err
}

// moderator is the town's one, or at the coordinator the officer.
func (t *town) moderator() *web.Viewer {
	for _, g := range guides {
		if g.town != t.place.name || len(g.roles) == 0 || g.roles[0] != web.Moderator && g.roles[0] != web.Officer {
			continue
		}
		for _, r := range t.people {
			if r.Handle == handleOf(g.name) {
				return r.viewer
			}
		}
	}
	panic("demo: no moderator in " + t.place.name) // a mistake in the content
}

// taxNumber makes a РНОКПП with a sound check digit. Its first five digits
// count days since 1899, so with fewer than 1827 it is nobody's who lives.
func taxNumber(days int) string {
	digits := fmt.Sprintf("%05d4321", days)
	sum := 0
	for i, weight := range []int{-1, 5, 7, 9, 4, 6, 10, 5, 7} {
		sum += weight * int(digits[i]-'0')
	}
	return fmt.Sprintf("%s%d", digits, ((sum%11)+11)%11%10)
}
