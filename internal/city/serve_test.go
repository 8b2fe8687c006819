package city

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
)

func TestRequestsUnderWayAreAnsweredAtTheEnd(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	began, finish := make(chan bool), make(chan bool)
	slow := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		began <- true
		<-finish
		_, _ = w.Write([]byte("whole")) // the client checks it
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- ServeHandler(ctx, slow, slog.New(slog.DiscardHandler), l) }()
	got := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + l.Addr().String())
		if err != nil {
			got <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body) // a cut answer shows in the text
		got <- string(body)
	}()
	<-began
	stop()
	select {
	case err := <-ended:
		t.Fatalf("the server ended (%v) before it had answered", err)
	default:
	}
	close(finish)
	if text := <-got; text != "whole" {
		t.Errorf("answer at the end: %q, want %q", text, "whole")
	}
	if err := <-ended; err != nil {
		t.Errorf("ServeHandler = %v, want nil after an end that was asked for", err)
	}
}
