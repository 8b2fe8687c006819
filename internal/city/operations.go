package city

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"viche/federation"
	"viche/web"
)

// operations adds what an operator's tools ask for, and gives what measures
// every request. No number here depends on
// votes: turnout is a total too.
func (c *City) operations(r chi.Router) (measured func(http.Handler) http.Handler) {
	r.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n")) // the client went away
	})
	r.Get("/readyz", c.ready)
	reg := prometheus.NewRegistry()
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "viche_http_requests_total", Help: "Requests by method and status, ballots left out."}, []string{"method", "status"})
	spent := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "viche_http_seconds", Help: "Time to answer, ballots left out.", Buckets: []float64{.001, .005, .02, .1, .5, 2, 10}})
	c.counts = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "viche_federation_total", Help: "What other servers sent or were sent, by what became of it."}, []string{"what", "label"})
	reg.MustRegister(requests, spent, c.counts)
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	reg.MustRegister(newExchange(c.Federation))
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "viche_jobs_waiting", Help: "Work that is yet to be done."}, func() float64 {
		var n int
		err := c.DB.ReadBound().Row(context.Background(), []any{&n}, "select count(*) from river_job where state in ('available', 'running', 'retryable')")
		if err != nil {
			return -1
		}
		return float64(n)
	}))
	metrics := promhttp.HandlerFor(reg, promhttp.HandlerOpts{})
	r.Get("/metrics", func(w http.ResponseWriter, r *http.Request) {
		if !c.mayScrape(r) {
			http.NotFound(w, r)
			return
		}
		metrics.ServeHTTP(w, r)
	})
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if web.Ballot(r.URL.Path) {
				next.ServeHTTP(w, r)
				return
			}
			began := time.Now()
			s := &status{ResponseWriter: w, code: http.StatusOK}
			next.ServeHTTP(s, r)
			requests.WithLabelValues(method(r.Method), strconv.Itoa(s.code)).Inc()
			spent.Observe(time.Since(began).Seconds())
		})
	}
}

// count adds to what is measured of the network; until somebody measures,
// nothing is.
func (c *City) count(what, label string) {
	if c.counts != nil {
		c.counts.WithLabelValues(what, label).Inc()
	}
}

// exchange tells what waits between us and other servers. The numbers are read
// once for all gauges.
type exchange struct {
	city   *federation.City
	gauges []gauge
}

type gauge struct {
	desc  *prometheus.Desc
	value func(federation.Stats) float64
}

func newExchange(city *federation.City) exchange {
	e := exchange{city: city}
	for name, value := range map[string]func(federation.Stats) float64{
		"viche_inbox_waiting":             func(s federation.Stats) float64 { return float64(s.Inbox) },
		"viche_inbox_oldest_seconds":      func(s federation.Stats) float64 { return s.InboxOldest.Seconds() },
		"viche_inbox_dead":                func(s federation.Stats) float64 { return float64(s.InboxDead) },
		"viche_deliveries_waiting":        func(s federation.Stats) float64 { return float64(s.Waiting) },
		"viche_deliveries_oldest_seconds": func(s federation.Stats) float64 { return s.Oldest.Seconds() },
		"viche_deliveries_unfanned":       func(s federation.Stats) float64 { return float64(s.Unfanned) },
		"viche_hosts_resting":             func(s federation.Stats) float64 { return float64(s.Resting) },
		"viche_hosts_parked":              func(s federation.Stats) float64 { return float64(s.Parked) },
	} {
		e.gauges = append(e.gauges, gauge{prometheus.NewDesc(name, "Exchange with other servers.", nil, nil), value})
	}
	return e
}

func (e exchange) Describe(descs chan<- *prometheus.Desc) {
	for _, g := range e.gauges {
		descs <- g.desc
	}
}

func (e exchange) Collect(metrics chan<- prometheus.Metric) {
	s, err := e.city.Stats(context.Background())
	for _, g := range e.gauges {
		value := -1.0
		if err == nil {
			value = g.value(s)
		}
		metrics <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, value)
	}
}

// ready answers 200 when the database answers, and tells what is not well.
func (c *City) ready(w http.ResponseWriter, r *http.Request) {
	report := map[string]any{"ready": true, "role": c.Config.Role}
	code := http.StatusOK
	if err := c.DB.Ping(r.Context()); err != nil {
		report["ready"], report["database"] = false, "does not answer"
		code = http.StatusServiceUnavailable
	}
	if off := time.Duration(c.clockOff.Load()); off.Abs() > clockTolerance {
		report["clock"] = "off by " + off.Round(time.Second).String()
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(report) // the client went away
}

// mayScrape lets this machine, or whoever has the token, read the metrics. A
// request that came through a proxy is not from this machine.
func (c *City) mayScrape(r *http.Request) bool {
	if t := c.Config.MetricsToken; t != "" && r.Header.Get("Authorization") == "Bearer "+t {
		return true
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

func (s *status) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// method keeps strangers from filling the metrics with words of their own.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete:
		return m
	}
	return "other"
}

// behindProxies gives a request the address of its client, where it came through
// a proxy that the settings trust: the last one in the list of forwarders that is
// not itself such a proxy. What others write into that header counts for nothing.
func (c *City) behindProxies(next http.Handler) http.Handler {
	if len(c.Config.TrustedProxies) == 0 {
		return next
	}
	trusted := func(a netip.Addr) bool {
		return slices.ContainsFunc(c.Config.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, err := netip.ParseAddrPort(r.RemoteAddr)
		if err == nil && trusted(from.Addr().Unmap()) {
			hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
			for _, hop := range slices.Backward(hops) {
				addr, err := netip.ParseAddr(strings.TrimSpace(hop))
				if err != nil {
					break
				}
				r.RemoteAddr = netip.AddrPortFrom(addr.Unmap(), 0).String()
				if !trusted(addr.Unmap()) {
					break
				}
			}
		}
		next.ServeHTTP(w, r)
	})
}
