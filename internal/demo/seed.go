package demo

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"viche/internal/union"
	"viche/modules/people"
	"viche/modules/polls"
)

// Seed makes the sample data, unless this folder has them already. It lives
// through three weeks by the demo's clock and leaves it at the present. Whoever
// breaks it off leaves a mark, and the next Open begins anew.
func (d *Demo) Seed(ctx context.Context) error {
	mark, err := d.marks(ctx)
	if err != nil || mark == done {
		return err
	}
	if err := d.setMarks(ctx, begun); err != nil {
		return err
	}
	d.setClock(begin)
	s := &seeding{Demo: d}
	for _, step := range []struct {
		at   time.Duration
		name string
		do   func(context.Context) error
	}{
		{begin, "residents join, cities join the union", s.found},
		{firstAsk, "the first polls open", s.ask(firstAsk, closed)},
		{firstAsk + time.Hour, "offices, and who holds them", s.FoundOfficials},
		{firstHalf, "residents vote", s.vote(firstWave)},
		{firstHalf + time.Hour, "residents grade officials", s.GradeOfficials},
		{secondHalf, "others vote, some change their answer", s.vote(secondWave)},
		{nextAsk, "more polls open", s.ask(nextAsk, open, few, gathering)},
		{nextAsk + time.Hour, "more rounds of grades open", s.OpenOfficials},
		{-7*day + 2*time.Minute, "the first results", nil},
		{nextHalf, "residents vote", s.vote(firstWave)},
		{nextHalf + time.Hour, "residents grade officials", s.GradeOfficials},
		{-5*day + 2*time.Minute, "national results", nil},
		{-3*day + 2*time.Minute, "more results", nil},
		{lately, "others vote, some change their answer", s.vote(secondWave)},
		{lately + time.Hour, "somebody asks for verification", s.visitDesks},
		{lately + 2*time.Hour, "residents follow each other", s.acquaint},
		{lately + 3*time.Hour, "residents talk", s.talkAbout},
		{0, "the present", nil},
	} {
		d.o.Progress(step.name)
		start := time.Now()
		d.setClock(step.at)
		if step.do != nil {
			if err := step.do(ctx); err != nil {
				return fmt.Errorf("seed: %s: %w", step.name, err)
			}
		}
		if err := d.settle(ctx); err != nil {
			return fmt.Errorf("seed: after %q: %w", step.name, err)
		}
		d.o.Log.Info("seeded", "step", step.name, "took", time.Since(start).Round(time.Millisecond))
	}
	if err := s.check(ctx); err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	for _, t := range d.towns {
		t.people = nil
	}
	debug.FreeOSMemory() // three weeks in ten seconds leave much behind
	return d.setMarks(ctx, done)
}

// seeding is what Seed knows between its steps.
type seeding struct {
	*Demo
	asked []asked
}

// asked is a sample that is asked now.
type asked struct {
	sample
	poll  *polls.Poll
	votes [2][]vote // of the two waves
	voted [2]bool
}

// vote is one ballot to come.
type vote struct {
	in      *town
	by      *resident
	choices []string
}

const firstWave, secondWave = 0, 1

// settle lets the instances work until none has anything left that could be
// done now: the same work that jobs do once the demo runs.
func (d *Demo) settle(ctx context.Context) error {
	for range 200 {
		if err := ctx.Err(); err != nil {
			return err
		}
		did := 0
		for _, t := range d.towns {
			n, err := t.work(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", t.place.host, err)
			}
			did += n
		}
		if did == 0 {
			return nil
		}
	}
	return errors.New("the instances do not come to rest")
}

func (t *town) work(ctx context.Context) (did int, err error) {
	uncounted := func(do func(context.Context) error) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) { return 0, do(ctx) }
	}
	for _, step := range []func(context.Context) (int, error){
		t.Federation.DrainInbox, uncounted(t.Polls.CloseDue), uncounted(t.Polls.Snapshots), uncounted(t.Union.Tick),
		t.Blogs.Ask, t.Federation.FanOut, t.Federation.Deliver,
	} {
		n, err := step(ctx)
		if err != nil {
			return did, err
		}
		did += n
	}
	return did, nil
}

func (s *seeding) found(ctx context.Context) error {
	hash := people.HashPassword(Password) // slow by design, so once for all
	errs := make([]error, len(s.towns))
	var wait sync.WaitGroup
	for i, t := range s.towns {
		wait.Go(func() { errs[i] = t.addPeople(ctx, s.o.Residents, hash) })
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, t := range s.cities() {
		if _, err := s.coordinator().Invite(ctx, t.Config.Host, 0); err != nil {
			return err
		}
	}
	return nil
}

// ask opens the samples that are in one of the states by now.
func (s *seeding) ask(now time.Duration, states ...state) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, one := range samples {
			for _, wanted := range states {
				if one.state != wanted {
					continue
				}
				if err := s.open(ctx, one); err != nil {
					return fmt.Errorf("open %q: %w", one.title, err)
				}
			}
		}
		return nil
	}
}

func (s *seeding) open(ctx context.Context, one sample) error {
	t := s.town(one.town)
	draft := polls.Draft{
		Title: one.title, Body: "In English: " + one.english, Options: append([]string(nil), one.options...), Multiple: one.most > 1,
		Sphere: one.sphere, ClosesAt: time.Now().Add(one.closes), By: t.moderator().Handle,
	}
	if one.state == gathering {
		draft.ClosesAt = s.now().Add(one.closes) // how long it is to last, once it opens
		return s.gather(ctx, t, draft)
	}
	switch {
	case one.region != "":
		draft.Scope, draft.Territory = string(polls.Region), one.region
	case t == s.coordinator():
		draft.Scope = string(polls.National)
	}
	poll, err := t.Polls.OpenPoll(ctx, draft)
	if err != nil {
		return err
	}
	s.asked = append(s.asked, s.plan(one, poll))
	return nil
}

// gather has a resident propose a poll and half of those needed support it.
func (s *seeding) gather(ctx context.Context, t *town, draft polls.Draft) error {
	voters := t.voters()
	poll, err := t.Polls.Initiate(ctx, voters[0].viewer, draft)
	if err != nil {
		return err
	}
	for _, r := range voters[1:max(1, min(poll.Need*6/10, len(voters)))] {
		if err := t.Polls.Support(ctx, r.viewer, poll.PollID, true); err != nil {
			return err
		}
	}
	return nil
}

// plan decides who will vote for what. Each city leans its own way; about one
// voter in seven changes their mind.
func (s *seeding) plan(one sample, poll *polls.Poll) asked {
	a := asked{sample: one, poll: poll}
	var in []*town
	for _, t := range s.cities() {
		if t.place.name == one.town || poll.Scope != polls.City && t.Territories.Within(t.place.territory, poll.Territory) {
			in = append(in, t)
		}
	}
	for _, t := range in {
		chance := chanceOf(t.place.name, one.title)
		leaning := make([]float64, len(one.weights))
		for i, w := range one.weights {
			leaning[i] = w * (0.6 + 0.8*chance.Float64())
		}
		voters := t.voters()
		chance.Shuffle(len(voters), func(i, j int) { voters[i], voters[j] = voters[j], voters[i] })
		count := int(one.turnout * (0.85 + 0.3*chance.Float64()) * float64(len(voters)))
		if one.state == few {
			count = min(7, t.Config.K-1) / len(in)
		}
		for i, r := range voters[:min(count, len(voters))] {
			v := vote{t, r, answer(chance, one, leaning, poll)}
			a.votes[i%2] = append(a.votes[i%2], v)
			if i%2 == firstWave && chance.IntN(7) < 2 && one.state != few {
				v.choices = answer(chance, one, leaning, poll)
				a.votes[secondWave] = append(a.votes[secondWave], v)
			}
		}
	}
	return a
}

// answer draws one answer. Who can't say, or wants none of it, says only that.
func answer(chance *rand.Rand, one sample, leaning []float64, poll *polls.Poll) []string {
	first := draw(chance, leaning)
	chosen := map[int]bool{first: true}
	if !alone(one.options[first]) {
		for range chance.IntN(max(one.most, 1)) {
			if next := draw(chance, leaning); !alone(one.options[next]) {
				chosen[next] = true
			}
		}
	}
	var ids []string
	for i, o := range poll.Options() {
		if chosen[i] {
			ids = append(ids, o.ID)
		}
	}
	return ids
}

func alone(option string) bool {
	return option == hard || strings.HasPrefix(option, "мені це не") || strings.HasPrefix(option, "не планую")
}

// draw picks an index, as often as its weight says.
func draw(chance *rand.Rand, weights []float64) int {
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	at := chance.Float64() * sum
	for i, w := range weights {
		if at -= w; at < 0 {
			return i
		}
	}
	return len(weights) - 1
}

// chanceOf is the same at every seeding.
func chanceOf(names ...string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(strings.Join(names, "/"))) // a hash never fails
	return rand.New(rand.NewPCG(h.Sum64(), 1))
}

// casters is how many vote at once in each city. The database stores what
// comes together in one go, so this is much quicker than one by one.
const casters = 32

// vote casts a wave of every poll that is open now and has not had it.
func (s *seeding) vote(wave int) func(context.Context) error {
	return func(ctx context.Context) error {
		type ballot struct {
			vote
			poll string
		}
		box := map[*town]chan ballot{}
		for _, t := range s.cities() {
			box[t] = make(chan ballot, len(s.asked)*len(t.people)*2)
		}
		for i := range s.asked {
			a := &s.asked[i]
			if a.voted[wave] || wave == secondWave && !a.voted[firstWave] {
				continue
			}
			a.voted[wave] = true
			for _, v := range a.votes[wave] {
				box[v.in] <- ballot{v, a.poll.PollID}
			}
		}
		var wait sync.WaitGroup
		var mu sync.Mutex
		var first error
		for _, ballots := range box {
			close(ballots)
			for range casters {
				wait.Go(func() {
					for b := range ballots {
						_, err := b.in.Polls.Cast(ctx, b.by.viewer, b.poll, b.choices)
						if err == nil {
							continue
						}
						mu.Lock()
						if first == nil {
							first = fmt.Errorf("@%s of %s: %w", b.by.Handle, b.in.place.name, err)
						}
						mu.Unlock()
						return
					}
				})
			}
		}
		wait.Wait()
		return first
	}
}

// check holds that the demo shows what it is there for.
func (s *seeding) check(ctx context.Context) error {
	for _, a := range s.asked {
		if a.poll.Scope == polls.City || a.state != closed {
			continue
		}
		for _, t := range s.towns {
			switch r, found, err := t.Union.ResultOf(ctx, a.poll.PollID); {
			case err != nil:
				return fmt.Errorf("result of %q at %s: %w", a.title, t.place.host, err)
			case !found || r.Stage != union.Final:
				return fmt.Errorf("%s has no final result of %q", t.place.host, a.title)
			}
		}
	}
	return nil
}
