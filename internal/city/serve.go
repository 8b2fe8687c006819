package city

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// stopTime is how long requests under way may take once the end was asked for.
const stopTime = 20 * time.Second

// Serve answers requests to c on the listener until ctx ends; then it takes no
// new ones and lets those under way finish. The jobs and the database go on:
// Close ends them after it.
func Serve(ctx context.Context, c *City, l net.Listener) error {
	return ServeHandler(ctx, c.Handler(), c.Log, l)
}

// ServeHandler is Serve for a handler that stands before one instance or
// before several.
func ServeHandler(ctx context.Context, h http.Handler, log *slog.Logger, l net.Listener) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       60 * time.Second,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // mostly broken connections of strangers
	}
	stopped := make(chan error, 1)
	end := context.AfterFunc(ctx, func() {
		timeout, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer cancel()
		stopped <- server.Shutdown(timeout)
	})
	err := server.Serve(l)
	if end() { // nobody asked for the end
		return err
	}
	if err := <-stopped; err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return server.Close() // what is still open took too long
}
