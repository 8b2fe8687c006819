package demo

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// pollURL is where a sample poll is read at an instance.
func (d *Demo) pollURL(ctx context.Context, t *town, number int) (string, error) {
	var id string
	err := t.DB.ReadBound().Row(ctx, []any{&id}, "select poll_id from polls where title = ? order by id limit 1", numbered(number).title)
	if err != nil {
		return "", fmt.Errorf("sample poll %d at %s: %w", number, t.place.host, err)
	}
	return t.Config.Base() + "/polls/" + id, nil
}

// Guide writes down where everything is and what to try, in Ukrainian with
// English beside it. program is how the reader calls this program.
func (d *Demo) Guide(ctx context.Context, w io.Writer, program string) error {
	here := d.town("kamianske")
	ask, err := d.pollURL(ctx, here, openNational)
	if err != nil {
		return err
	}
	result, err := d.pollURL(ctx, d.coordinator(), closedNational)
	if err != nil {
		return err
	}
	object, err := d.pollURL(ctx, d.coordinator(), openNational)
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprint(&b, "\nВіче: демонстрація. Люди, заклади й числа вигадані.\nViche, the demo. People, places and numbers are invented.\n\n")
	for _, t := range d.towns {
		fmt.Fprintf(&b, "  %-34s %s\n", t.Config.Base()+"/", t.Config.Name)
	}
	fmt.Fprintf(&b, "\nВхід / sign-ins (%s/sign-in). Пароль для всіх / the password of all: %s\n", here.Config.Base(), Password)
	host := ""
	for _, s := range d.SignIns() {
		if s.Host != host {
			host = s.Host
			fmt.Fprintf(&b, "  %s\n", host)
		}
		fmt.Fprintf(&b, "    %-30s %s / %s\n", s.Email, s.Ukrainian, s.English)
	}
	c := here.Config
	fmt.Fprintf(&b, `
Спробуйте / what to try
  1. Проголосуйте як olena@kamianske.localhost; до голосу чисел немає, після нього вони є.
     Vote as olena@kamianske.localhost: no number before the vote, all of them after it.
       %[3]s
  2. Перерахуйте оприлюднений підсумок самі. / Recompute a published result yourself.
       VICHE_SCHEME=http VICHE_ALLOW_PRIVATE=127.0.0.0/8 %[4]s verify %[5]s
  3. Погляньте, що бачать інші сервери. / See what other servers see.
       curl -H 'Accept: application/activity+json' %[8]s
  4. Керуйте містом поруч із сервером. / Work on a city beside the server.
       %[4]s admin --dir %[6]s --instance kamianske.localhost token olena_zrazkova
     Листи міста / the city's mail: %[7]s/desk/mail (taras@kamianske.localhost)

Числа оновлюються не частіше ніж раз на %[1]s, коли змінилося стільки голосів: %[2]d; у справжньому місті – 10m і 25.
Numbers are renewed at most every %[1]s (VICHE_SNAPSHOT_EVERY), once %[2]d ballots differ (VICHE_STEP); in a real city 10m and 25.
Зупинити / stop: Ctrl-C.
`, c.SnapshotEvery, c.Step, ask, program, result, quoted(d.o.Dir), here.Config.Base(), object)
	_, err = io.WriteString(w, b.String())
	return err
}

// quoted is a path as a shell takes it.
func quoted(path string) string {
	if strings.ContainsAny(path, " '\"$\\") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
