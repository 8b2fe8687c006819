package blogs

import (
	"slices"
	"testing"

	"viche/actors"
	"viche/federation/ap"
)

func TestVisibilityIsReadBackAsItWasAddressed(t *testing.T) {
	t.Parallel()
	author := actors.Actor{ID: 1, URI: "https://a.test/users/olena", Followers: "https://a.test/users/olena/followers"}
	named := []actors.Actor{{ID: 2, URI: "https://b.test/users/ihor"}, {ID: 2, URI: "https://b.test/users/ihor"}}
	for _, visibility := range []string{Public, Unlisted, Followers, Direct} {
		to, cc := addressed(author, visibility, named)
		if got := visibilityOf(&ap.Object{To: to, Cc: cc}, author); got != visibility {
			t.Errorf("visibilityOf(to %v, cc %v) = %s, want %s", to, cc, got, visibility)
		}
		all := slices.Concat(to, cc)
		if n := len(slices.DeleteFunc(all, func(s string) bool { return s != named[0].URI })); n != 1 {
			t.Errorf("%s: whoever is named stands in the addresses %d times, want once", visibility, n)
		}
	}
	// A stranger's followers are nobody's audience here.
	if got := visibilityOf(&ap.Object{To: []string{"https://c.test/followers"}}, author); got != Direct {
		t.Errorf("a post to somebody else's followers is %s, want %s", got, Direct)
	}
}

func TestAnswerReachesNoFurther(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		a, b string
		want bool
	}{{Direct, Public, true}, {Followers, Unlisted, true}, {Public, Public, false}, {Public, Direct, false}, {Unlisted, Public, true}} {
		if got := narrower(one.a, one.b); got != one.want {
			t.Errorf("narrower(%s, %s) = %v, want %v", one.a, one.b, got, one.want)
		}
	}
}
