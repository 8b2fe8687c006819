package method_test

import (
	"math"
	"testing"

	"viche/internal/method"
)

// Published by R. G. Newcombe, "Two-sided confidence intervals for the single
// proportion", Statistics in Medicine 17 (1998), table I, method 3.
func TestWilsonGivesPublishedBounds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		yes, n int
		want   float64
	}{{81, 263, 0.2553}, {15, 148, 0.0624}, {0, 20, 0}, {1, 29, 0.0061}, {0, 0, 0}} {
		if got := method.Wilson(c.yes, c.n); math.Abs(got-c.want) > 0.00005 {
			t.Errorf("Wilson(%d, %d) = %.5f, want %.4f", c.yes, c.n, got, c.want)
		}
	}
	if three, ninety := method.Wilson(3, 3), method.Wilson(90, 100); three >= ninety {
		t.Errorf("three of three (%v) stand above ninety of a hundred (%v)", three, ninety)
	}
}

// The bound is where the distance from the share found is 1.96 standard errors
// of the share supposed: sought here step by step.
func TestWilsonAgreesWithSearching(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 40; n += 3 {
		for yes := 0; yes <= n; yes++ {
			p, want := float64(yes)/float64(n), 0.0
			for s := 0.0; s <= p; s += 0.0001 {
				if p-s <= 1.959963984540054*math.Sqrt(s*(1-s)/float64(n)) {
					want = s
					break
				}
			}
			if got := method.Wilson(yes, n); math.Abs(got-want) > 0.0002 {
				t.Errorf("Wilson(%d, %d) = %.5f, searching finds %.5f", yes, n, got, want)
			}
		}
	}
}

// The exact intervals of Clopper and Pearson are quantiles of Betas; the values
// are of the same table of Newcombe, method 5. Those of Jeffreys are of Brown,
// Cai and DasGupta, "Interval estimation for a binomial proportion",
// Statistical Science 16 (2001), table 5, n = 10.
func TestBetaQuantileGivesPublishedValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ p, a, b, want, within float64 }{
		{0.025, 81, 183, 0.2527, 0.00005}, {0.975, 82, 182, 0.3676, 0.00005},
		{0.025, 15, 134, 0.0578, 0.00005}, {0.975, 16, 133, 0.1617, 0.00005},
		{0.975, 1, 20, 0.1684, 0.00005},
		{0.025, 1, 29, 0.0009, 0.00005}, {0.975, 2, 28, 0.1776, 0.00005},
		{0.025, 1.5, 9.5, 0.011, 0.0005}, {0.975, 1.5, 9.5, 0.381, 0.0005},
		{0.025, 3.5, 7.5, 0.093, 0.0005}, {0.975, 5.5, 5.5, 0.776, 0.0005},
		// Of Beta(1, 1) each value is its own quantile, of Beta(2, 1) the square root.
		{0.3, 1, 1, 0.3, 1e-12}, {0.49, 2, 1, 0.7, 1e-12}, {0.5, 1e7, 1e7, 0.5, 1e-9},
	} {
		if got := method.BetaQuantile(c.p, c.a, c.b); math.Abs(got-c.want) > c.within {
			t.Errorf("BetaQuantile(%v, %v, %v) = %.6f, want %v", c.p, c.a, c.b, got, c.want)
		}
	}
}

// TestBetaQuantileAgreesWithAddingUpTheDensity integrates what lies below the
// quantile in many small steps.
func TestBetaQuantileAgreesWithAddingUpTheDensity(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]float64{{1, 1}, {2, 5}, {7.3, 2.2}, {120, 40}, {900, 2100}, {1.5, 4000}} {
		for _, p := range []float64{0.025, 0.3, 0.5, 0.975} {
			q := method.BetaQuantile(p, c[0], c[1])
			both, _ := math.Lgamma(c[0] + c[1])
			a, _ := math.Lgamma(c[0])
			b, _ := math.Lgamma(c[1])
			const steps = 200_000
			below := 0.0
			for i := range steps {
				x := (float64(i) + 0.5) * q / steps
				below += q / steps * math.Exp(both-a-b+(c[0]-1)*math.Log(x)+(c[1]-1)*math.Log1p(-x))
			}
			if math.Abs(below-p) > 1e-5 {
				t.Errorf("Beta(%v, %v): below its %v quantile %v lies %v", c[0], c[1], p, q, below)
			}
		}
	}
}

func TestCredibleHoldsWhatWasFoundAndWhatWasSupposed(t *testing.T) {
	t.Parallel()
	if low, high := method.Credible(0, 0, method.Uniform); math.Abs(low-0.025) > 1e-9 || math.Abs(high-0.975) > 1e-9 {
		t.Errorf("knowing nothing: %v to %v", low, high)
	}
	low, high := method.Credible(60, 100, method.Uniform)
	if low >= 0.6 || high <= 0.6 || high-low > 0.2 {
		t.Errorf("60 of 100: %v to %v", low, high)
	}
	for n := 1; n <= 60; n += 7 {
		for yes := range n + 1 {
			share := float64(yes) / float64(n)
			if low, high := method.Credible(yes, n, method.Uniform); low > share || high < share {
				t.Errorf("%d of %d: %v to %v leave out what was found", yes, n, low, high)
			}
		}
	}
	alow, ahigh := method.Credible(60, 100, method.Alike(10, 100, 10))
	if alow >= low || ahigh >= high {
		t.Errorf("others have a tenth: %v to %v, knowing nothing %v to %v", alow, ahigh, low, high)
	}
	if got := method.Alike(0, 0, 10); got != method.Uniform {
		t.Errorf("Alike without others = %v", got)
	}
	if all := method.Alike(100, 100, 10); all.No <= 0 {
		t.Errorf("Alike supposes certainty: %v", all)
	}
}
