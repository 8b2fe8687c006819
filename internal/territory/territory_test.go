package territory_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"viche/internal/store"
	"viche/internal/store/storetest"
	"viche/internal/territory"
)

const (
	kamianske = "UA12040150010056523"
	hromada   = "UA12040150000015189"
	raion     = "UA12040000000032213"
	oblast    = "UA12000000000090473"
	lviv      = "UA46060250010015970"
	zavodskyi = "UA12040150010213957" // a district of Kamianske
)

func TestSeedCarriesRegionsAndCitiesWithParents(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		for range 2 { // the second start finds it done
			if err := territory.Seed(ctx, db); err != nil {
				t.Fatal(err)
			}
		}
		r, err := territory.Open(ctx, db)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := len(r.Children(territory.Country)), 27; got != want {
			t.Errorf("regions = %d, want %d", got, want)
		}
		var above []string
		for _, u := range r.Ancestors(kamianske) {
			above = append(above, u.Code)
		}
		if got, want := strings.Join(above, " "), strings.Join([]string{hromada, raion, oblast, "UA"}, " "); got != want {
			t.Errorf("Ancestors(Kamianske) = %s, want %s", got, want)
		}
		for _, c := range []struct {
			code, area string
			want       bool
		}{
			{kamianske, kamianske, true}, {kamianske, hromada, true}, {kamianske, raion, true},
			{kamianske, oblast, true}, {kamianske, "UA", true}, {oblast, kamianske, false},
			{kamianske, lviv, false}, {"UA99999999999999999", "UA", false}, {"", "", false}, {kamianske, "", false},
		} {
			if got := r.Within(c.code, c.area); got != c.want {
				t.Errorf("Within(%q, %q) = %v, want %v", c.code, c.area, got, c.want)
			}
		}
		if got, want := r.Path(kamianske, "uk"), "місто Кам’янське, Кам’янська громада, Кам’янський район, Дніпропетровська область"; got != want {
			t.Errorf("Path = %q, want %q", got, want)
		}
		if got, want := r.Name(lviv, "en"), "Lviv"; got != want {
			t.Errorf("Name(Lviv, en) = %q, want %q", got, want)
		}
		found := r.Search("кам'янське", "UA", 5)
		if len(found) == 0 || found[0].Code != kamianske {
			t.Errorf("Search with another apostrophe = %v, want Kamianske first", found)
		}
		var out strings.Builder
		if err := r.Show(&out, kamianske); err != nil || strings.Count(out.String(), "\n") != 5 {
			t.Errorf("Show = %v\n%s\nwant five lines", err, out.String())
		}
		if err := r.Show(io.Discard, "UA1"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Show(UA1) = %v, want not found", err)
		}
	})
}

const head = "code,parent,category,name_uk,name_en\n"

func small(lines ...string) string { return head + strings.Join(lines, "\n") + "\n" }

var whole = []string{
	"UA12000000000090473,,O,Дніпропетровська,Dnipropetrovska",
	"UA12040000000032213,UA12000000000090473,P,Кам’янський,Kamianskyi",
	"UA12040150000015189,UA12040000000032213,H,Кам’янська,Kamianska",
	"UA12040150010056523,UA12040150000015189,M,Кам’янське,Kamianske",
}

func TestNonsenseIsRefusedWithItsLineAndStoresNothing(t *testing.T) {
	cases := map[string]struct{ file, want string }{
		"empty":          {"", "empty"},
		"no header":      {"a,b,c\n1,2,3\n", "header"},
		"header alone":   {head, "no unit"},
		"code form":      {small(whole[0], "UA12,,O,Хибна,Khybna"), `line 3: code "UA12"`},
		"code of a link": {small(whole[0], "UA1204000000003221X,UA12000000000090473,P,Х,Kh"), "line 3"},
		"twice":          {small(whole[0], whole[1], whole[0]), "line 4: code UA12000000000090473 stands already in line 2"},
		"orphan":         {small(whole[0], whole[3]), "line 3: parent UA12040150000015189"},
		"category":       {small("UA12000000000090473,,Z,Дніпропетровська,D"), `line 2: category "Z"`},
		"no name":        {small("UA12000000000090473,,O,,D"), "line 2"},
		"upside down":    {small(whole[0], "UA12040000000032213,UA12000000000090473,O,К,K"), "line 3"},
		"city on top":    {small(whole[0], "UA12040150010056523,,M,Кам’янське,Kamianske"), "line 3"},
		"spreadsheet":    {"PK\x03\x04....", "CSV"},
		"cut gzip":       {packed(small(whole...))[:60], "EOF"},
		"windows-1251":   {small("UA12000000000090473,,O,\xc4\xed\xb3\xef\xf0\xee,"), "UTF-8"},
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		for name, c := range cases {
			_, err := territory.Import(ctx, db, strings.NewReader(c.file), name)
			if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want an ErrInvalid that says %q", name, err, c.want)
			}
		}
		n, err := db.Read().NewSelect().Table("territories").Count(ctx)
		if err != nil || n != 0 {
			t.Errorf("after refused imports there are %d units (%v), want none", n, err)
		}
	})
}

func TestRenewalVersionsNamesClosesAndIsIdempotent(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		db := storetest.Open(t, dsn, store.Options{Clock: func() time.Time { now = now.Add(time.Hour); return now }})
		ctx := context.Background()
		load := func(file string) territory.Report {
			t.Helper()
			report, err := territory.Import(ctx, db, strings.NewReader(file), "test")
			if err != nil {
				t.Fatal(err)
			}
			return report
		}
		extra := "UA12040150020083955,UA12040150000015189,X,Карнаухівка,Karnaukhivka"
		if got, want := load(packed(small(append(whole, extra)...))), (territory.Report{Units: 5, Added: 6}); got != want {
			t.Errorf("first import = %+v, want %+v (the country is added)", got, want)
		}
		r, err := territory.Open(ctx, db)
		if err != nil {
			t.Fatal(err)
		}
		if got := load(small(append(whole, extra)...)); got != (territory.Report{Units: 5}) {
			t.Errorf("same file again = %+v, want no change", got)
		}
		renamed := append([]string{}, whole...)
		renamed[3] = "UA12040150010056523,UA12040150000015189,M,Нове,Nove"
		if got, want := load(small(renamed...)), (territory.Report{Units: 4, Renamed: 1, Closed: 1}); got != want {
			t.Errorf("renewal = %+v, want %+v", got, want)
		}
		if got := r.Name(kamianske, "uk"); got != "Кам’янське" {
			t.Errorf("before the refresh the name is %q, want the old one", got)
		}
		if err := r.Refresh(ctx); err != nil {
			t.Fatal(err)
		}
		if got := r.Name(kamianske, "uk"); got != "Нове" {
			t.Errorf("after the refresh the name is %q, want Нове", got)
		}
		if u, found := r.Get("UA12040150020083955"); !found || !u.Closed {
			t.Errorf("a unit that is gone = %+v, %v, want it kept and closed", u, found)
		}
		if len(r.Children(hromada)) != 1 {
			t.Errorf("Children = %v, want the open one alone", r.Children(hromada))
		}
		names, err := db.Read().NewSelect().Table("territory_names").Where("code = ?", kamianske).Count(ctx)
		if err != nil || names != 2 {
			t.Errorf("versions of the name = %d (%v), want 2", names, err)
		}
		if got, want := load(small(append(renamed, extra)...)), (territory.Report{Units: 5, Changed: 1}); got != want {
			t.Errorf("opened again = %+v, want %+v", got, want)
		}
	})
}

func TestMinistryTableIsRead(t *testing.T) {
	table := "\ufeffКодифікатор адміністративно-територіальних одиниць;;;;;;\n" +
		"Перший рівень;Другий рівень;Третій рівень;Четвертий рівень;Додатковий рівень;Категорія об’єкта;Назва об’єкта\n" +
		oblast + ";;;;;O;Дніпропетровська\n" +
		oblast + ";" + raion + ";;;;P;Кам’янський\n" +
		oblast + ";" + raion + ";" + hromada + ";;;Н;Кам’янська \n" + // a Cyrillic letter and a trailing space, as found
		oblast + ";" + raion + ";" + hromada + ";" + kamianske + ";;M;Кам’янське\n" +
		oblast + ";" + raion + ";" + hromada + ";" + kamianske + ";" + zavodskyi + ";B;Заводський\n"
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		if _, err := territory.Import(ctx, db, strings.NewReader(table), "ministry"); err != nil {
			t.Fatal(err)
		}
		r, err := territory.Open(ctx, db)
		if err != nil {
			t.Fatal(err)
		}
		if !r.Within(zavodskyi, kamianske) || !r.Within(zavodskyi, raion) {
			t.Error("a city's district does not lie in its city and raion")
		}
		if got, want := r.Label(hromada, "en"), "Kamianska hromada"; got != want {
			t.Errorf("English name made from the Ukrainian one = %q, want %q", got, want)
		}
	})
}

func TestWholeCodifierIsLoadedAndRenewed(t *testing.T) {
	file := codifier(t)
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		if err := territory.Seed(ctx, db); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		report, err := territory.Import(ctx, db, bytes.NewReader(file), "katottg-2025-05-16.csv.gz")
		if err != nil {
			t.Fatal(err)
		}
		first := time.Since(start)
		if report.Units != 31748 || report.Added != 31748-36 || report.Renamed+report.Changed+report.Closed != 0 {
			t.Errorf("report = %+v, want 31748 units beside the seed of 36 and nothing else changed", report)
		}
		start = time.Now()
		report, err = territory.Import(ctx, db, bytes.NewReader(file), "again")
		if err != nil || report != (territory.Report{Units: 31748}) {
			t.Errorf("again = %+v, %v, want no change", report, err)
		}
		second := time.Since(start)
		start = time.Now()
		r, err := territory.Open(ctx, db)
		if err != nil {
			t.Fatal(err)
		}
		opened := time.Since(start)
		start = time.Now()
		if found := r.Search("андріївка", territory.Country, 100); len(found) < 70 {
			t.Errorf("Search found %d, want over seventy", len(found))
		}
		t.Logf("import %v, again %v, register %v, search %v", first, second, opened, time.Since(start))
		if got := r.Within(zavodskyi, oblast); !got {
			t.Error("a district of Kamianske is not within its oblast")
		}
		_, err = territory.Import(ctx, db, strings.NewReader(small(whole...)), "cut off")
		if !errors.Is(err, store.ErrInvalid) {
			t.Errorf("a file of four units over the whole codifier: %v, want it refused", err)
		}
	})
}

func TestTransliterationAgreesWithTheWholeCodifier(t *testing.T) {
	unpacked, err := gzip.NewReader(bytes.NewReader(codifier(t)))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(unpacked).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	differ := 0
	for _, row := range rows[1:] {
		if got, want := territory.Transliterate(row[3]), row[4]; got != want {
			if differ++; differ < 10 {
				t.Errorf("Transliterate(%q) = %q, want %q", row[3], got, want)
			}
		}
	}
	if differ > 0 {
		t.Errorf("%d of %d names differ", differ, len(rows)-1)
	}
}

// codifier reads the shared copy of the whole codifier, which lies beside the
// repository and not in it.
func codifier(t *testing.T) []byte {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	path := filepath.Join(filepath.Dir(dir), "shared", "data", "katottg", "katottg-2025-05-16.csv.gz")
	file, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("shared/data is absent: the whole codifier is not tested")
	}
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func packed(text string) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	fmt.Fprint(w, text)
	w.Close()
	return out.String()
}
