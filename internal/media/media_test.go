package media_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"viche/internal/media"
	"viche/internal/store"
)

// corners is a picture whose four quarters differ, so that turning it shows.
func corners(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{255, 0, 0, 255} // upper left
			switch {
			case x >= w/2 && y < h/2:
				c = color.RGBA{0, 255, 0, 255}
			case x < w/2 && y >= h/2:
				c = color.RGBA{0, 0, 255, 255}
			case x >= w/2:
				c = color.RGBA{255, 255, 255, 255}
			}
			img.SetRGBA(x, y, c)
		}
	}
	return img
}

func asJPEG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asPNG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const place = "49.8397N 24.0297E of somebody's home"

// withExif puts EXIF into a JPEG: how it was held, and where.
func withExif(jpg []byte, orientation uint16) []byte {
	tiff := []byte("MM\x00*\x00\x00\x00\x08")
	entry := func(tag, kind uint16, count, value uint32) {
		tiff = binary.BigEndian.AppendUint16(tiff, tag)
		tiff = binary.BigEndian.AppendUint16(tiff, kind)
		tiff = binary.BigEndian.AppendUint32(tiff, count)
		tiff = binary.BigEndian.AppendUint32(tiff, value)
	}
	tiff = binary.BigEndian.AppendUint16(tiff, 2)
	entry(0x0112, 3, 1, uint32(orientation)<<16)
	entry(0x8825, 4, 1, 38)
	tiff = append(tiff, 0, 0, 0, 0)
	tiff = append(tiff, place...)
	body := append([]byte("Exif\x00\x00"), tiff...)
	out := append([]byte{}, jpg[:2]...)
	out = append(out, 0xff, 0xe1)
	out = binary.BigEndian.AppendUint16(out, uint16(len(body)+2))
	out = append(out, body...)
	return append(out, jpg[2:]...)
}

// chunk is one of a PNG's.
func chunk(kind string, data []byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	out = append(out, kind...)
	out = append(out, data...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[4:]))
}

// bomb is a PNG that says it is w by h and is almost nothing on the wire.
func bomb(w, h uint32) []byte { return bombOf(w, h, 6) }

// bombOf is one of a colour type: 0 is grey, 6 colours with alpha.
func bombOf(w, h uint32, kind byte) []byte {
	head := binary.BigEndian.AppendUint32(nil, w)
	head = binary.BigEndian.AppendUint32(head, h)
	head = append(head, 8, kind, 0, 0, 0)
	var data bytes.Buffer
	z := zlib.NewWriter(&data)
	_, _ = z.Write(make([]byte, 1<<20))
	_ = z.Close()
	out := append([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", head)...)
	out = append(out, chunk("IDAT", data.Bytes())...)
	return append(out, chunk("IEND", nil)...)
}

// A lossless WebP of one pixel.
const dot = "RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00"

func open(t testing.TB, l media.Limits) (*media.Store, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := media.OpenWith(dir, l)
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func get(h http.Handler, path string) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Result()
}

func decoded(t *testing.T, r *http.Response) image.Image {
	t.Helper()
	if r.StatusCode != 200 {
		t.Fatalf("the picture is answered with %d", r.StatusCode)
	}
	img, _, err := image.Decode(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// files counts those of a folder.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "salt" {
			names = append(names, d.Name())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestSavedPicturesAreUprightSmallAndBare(t *testing.T) {
	t.Parallel()
	s, dir := open(t, media.Limits{})
	sent := withExif(asJPEG(t, corners(3000, 1500)), 6)
	pic, err := s.Save(t.Context(), bytes.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	if pic.Type != "image/jpeg" || pic.Width != 1024 || pic.Height != 2048 || len(pic.Blurhash) < 20 {
		t.Errorf("Save = %+v, want a JPEG of 1024 by 2048 with a blurhash", pic)
	}
	if !regexp.MustCompile(`^[0-9a-f]{32}\.jpg$`).MatchString(pic.Name) {
		t.Errorf("the name is %q, want 128 bits and the kind", pic.Name)
	}
	var total int64
	for _, name := range files(t, dir) {
		path := filepath.Join(dir, "own", name[:2], name[2:4], name)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		total += int64(len(data))
		if bytes.Contains(data, []byte("Exif")) || bytes.Contains(data, []byte(place)) {
			t.Errorf("%s still says where it was taken", name)
		}
	}
	if pic.Bytes != total {
		t.Errorf("Bytes = %d, want the %d of its files", pic.Bytes, total)
	}
	img := decoded(t, get(s.Handler(), "/media/"+pic.Name))
	// Held with its top to the right: what was on the lower left is on the upper left now.
	if r, g, b, _ := img.At(100, 100).RGBA(); r>>8 > 40 || g>>8 > 40 || b>>8 < 200 {
		t.Errorf("the upper left is %x %x %x, want blue", r>>8, g>>8, b>>8)
	}
	if got := decoded(t, get(s.Handler(), "/media/"+pic.Name+"/small")).Bounds(); got.Dx() != 640 || got.Dy() != 1280 {
		t.Errorf("the small copy is %v, want 640 by 1280", got)
	}
	if err := s.Remove(pic.Name); err != nil {
		t.Fatal(err)
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("after Remove there are %v", left)
	}
	if err := s.Remove(pic.Name); err != nil {
		t.Errorf("Remove again: %v", err)
	}
}

func TestEveryOrientationIsTurned(t *testing.T) {
	t.Parallel()
	s, _ := open(t, media.Limits{})
	// Which colour is on the upper left of the result: red, green, blue or white of the original.
	for orientation, want := range map[uint16]color.RGBA{
		0: {255, 0, 0, 255}, 1: {255, 0, 0, 255}, 2: {0, 255, 0, 255}, 3: {255, 255, 255, 255}, 4: {0, 0, 255, 255},
		5: {255, 0, 0, 255}, 6: {0, 0, 255, 255}, 7: {255, 255, 255, 255}, 8: {0, 255, 0, 255}, 9: {255, 0, 0, 255},
	} {
		pic, err := s.Save(t.Context(), bytes.NewReader(withExif(asJPEG(t, corners(80, 40)), orientation)))
		if err != nil {
			t.Fatal(err)
		}
		if turned := orientation >= 5 && orientation <= 8; turned != (pic.Height == 80) {
			t.Errorf("orientation %d: %d by %d", orientation, pic.Width, pic.Height)
		}
		r, g, b, _ := decoded(t, get(s.Handler(), "/media/"+pic.Name)).At(5, 5).RGBA()
		for i, v := range []struct{ got, want uint8 }{{uint8(r >> 8), want.R}, {uint8(g >> 8), want.G}, {uint8(b >> 8), want.B}} {
			if d := int(v.got) - int(v.want); d > 40 || d < -40 {
				t.Errorf("orientation %d: channel %d of the upper left is %d, want %d", orientation, i, v.got, v.want)
			}
		}
	}
}

func TestKindsOfPictures(t *testing.T) {
	t.Parallel()
	s, _ := open(t, media.Limits{})
	seeThrough := image.NewNRGBA(image.Rect(0, 0, 50, 40))
	seeThrough.SetNRGBA(3, 3, color.NRGBA{200, 0, 0, 128})
	var moving bytes.Buffer
	frame := func(c color.Color) *image.Paletted {
		return image.NewPaletted(image.Rect(0, 0, 30, 20), color.Palette{c, color.White})
	}
	if err := gif.EncodeAll(&moving, &gif.GIF{Image: []*image.Paletted{frame(color.Black), frame(color.White)}, Delay: []int{1, 1}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		sent []byte
		want string
		w, h int
	}{
		{"jpeg", asJPEG(t, corners(50, 40)), "image/jpeg", 50, 40},
		{"grey jpeg", asJPEG(t, image.NewGray(image.Rect(0, 0, 50, 40))), "image/jpeg", 50, 40},
		{"png without alpha", asPNG(t, corners(50, 40)), "image/jpeg", 50, 40},
		{"png with alpha", asPNG(t, seeThrough), "image/png", 50, 40},
		{"png of 16 bits", asPNG(t, image.NewNRGBA64(image.Rect(0, 0, 50, 40))), "image/png", 50, 40},
		{"gif", moving.Bytes(), "image/jpeg", 30, 20},
		{"webp", []byte(dot), "image/png", 1, 1},
		{"very wide", asPNG(t, corners(5000, 2)), "image/jpeg", 2048, 1},
		{"very tall", asPNG(t, corners(2, 5000)), "image/jpeg", 1, 2048},
	} {
		pic, err := s.Save(t.Context(), bytes.NewReader(c.sent))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if pic.Type != c.want || pic.Width != c.w || pic.Height != c.h {
			t.Errorf("%s: %s of %d by %d, want %s of %d by %d", c.name, pic.Type, pic.Width, pic.Height, c.want, c.w, c.h)
		}
		r := get(s.Handler(), "/media/"+pic.Name)
		if got := decoded(t, r).Bounds().Size(); got != image.Pt(c.w, c.h) || r.Header.Get("Content-Type") != c.want {
			t.Errorf("%s: served is %s of %v", c.name, r.Header.Get("Content-Type"), got)
		}
	}
}

func TestWhatIsNoPictureIsRefused(t *testing.T) {
	t.Parallel()
	s, dir := open(t, media.Limits{})
	good := asJPEG(t, corners(400, 300))
	progressive := append([]byte("\xff\xd8"), 0xff, 0xc2, 0, 17, 8, 5000>>8, 5000&0xff, 5000>>8, 5000&0xff, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0,
		0xff, 0xda, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0)
	for _, c := range []struct {
		name string
		sent []byte
		want error
	}{
		{"nothing", nil, media.ErrKind},
		{"svg", []byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`), media.ErrKind},
		{"svg with a prologue", []byte(`<?xml version="1.0"?><!DOCTYPE svg><svg/>`), media.ErrKind},
		{"html", []byte("<!doctype html><script>alert(1)</script>"), media.ErrKind},
		{"ActivityStreams", []byte(`{"@context":"https://www.w3.org/ns/activitystreams","type":"Note"}`), media.ErrKind},
		{"bmp", append([]byte("BM"), make([]byte, 200)...), media.ErrKind},
		{"heic", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"), media.ErrKind},
		{"zip before a picture", append([]byte("PK\x03\x04"), good...), media.ErrKind},
		{"bomb", bomb(30_000, 30_000), media.ErrPixels},
		{"grey bomb of 48 megapixels", bombOf(8_000, 6_000, 0), media.ErrPixels},
		{"bomb of one line", bomb(1<<31-1, 1), media.ErrPixels},
		{"bomb of no size", bomb(0, 5), media.ErrBroken},
		{"bomb within the limits", bomb(6_000, 6_000), media.ErrBroken},
		{"progressive of 25 megapixels", progressive, media.ErrPixels},
		{"half a jpeg", good[:len(good)/2], media.ErrBroken},
		{"the start of a jpeg", good[:40], media.ErrBroken},
		{"half a png", asPNG(t, corners(300, 300))[:200], media.ErrBroken},
		{"the start of a webp", []byte(dot)[:24], media.ErrBroken},
		{"gif of a head alone", []byte("GIF89a\x10\x00\x10\x00\x80\x00\x00"), media.ErrBroken},
		{"gif whose frame is larger than itself", []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x02D\x01\x00;"), media.ErrBroken},
		{"17 MB", append(append([]byte{}, good...), make([]byte, 17<<20)...), media.ErrLarge},
	} {
		_, err := s.Save(t.Context(), bytes.NewReader(c.sent))
		if !errors.Is(err, c.want) || !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: Save = %v, want %v", c.name, err, c.want)
		}
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("what was refused left %v", left)
	}
}

// TestTwoKindsAtOnceBecomeOne: a picture that is a page too is only a picture after.
func TestTwoKindsAtOnceBecomeOne(t *testing.T) {
	t.Parallel()
	s, dir := open(t, media.Limits{})
	sent := append(asJPEG(t, corners(60, 60)), "<script>alert(1)</script>PK\x03\x04 {\"@context\":\"https://www.w3.org/ns/activitystreams\"}"...)
	if _, err := s.Save(t.Context(), bytes.NewReader(sent)); err != nil {
		t.Fatal(err)
	}
	for _, name := range files(t, dir) {
		data, err := os.ReadFile(filepath.Join(dir, "own", name[:2], name[2:4], name))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte("script")) || bytes.Contains(data, []byte("activitystreams")) {
			t.Errorf("%s holds what was behind the picture", name)
		}
	}
}

func TestServedAsNothingButAPicture(t *testing.T) {
	t.Parallel()
	s, dir := open(t, media.Limits{})
	pic, err := s.Save(t.Context(), bytes.NewReader(asJPEG(t, corners(700, 60))))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/media/" + pic.Name, "/media/" + pic.Name + "/small"} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Accept", `application/ld+json; profile="https://www.w3.org/ns/activitystreams"`)
		w := httptest.NewRecorder()
		w.Header().Set("Vary", "Cookie")
		s.Handler().ServeHTTP(w, r)
		for key, want := range map[string]string{
			"Content-Type": "image/jpeg", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox",
			"Cache-Control": "public, max-age=31536000, immutable", "Vary": "",
		} {
			if got := w.Header().Get(key); got != want {
				t.Errorf("%s: %s is %q, want %q", path, key, got, want)
			}
		}
		again := httptest.NewRequest(http.MethodGet, path, nil)
		again.Header.Set("If-None-Match", w.Header().Get("ETag"))
		w = httptest.NewRecorder()
		s.Handler().ServeHTTP(w, again)
		if w.Code != http.StatusNotModified {
			t.Errorf("%s asked again is answered with %d, want 304", path, w.Code)
		}
	}
	for _, path := range []string{
		"/media/", "/media/../secret", "/media/..%2fsecret", "/media/" + pic.Name[:31], "/media/" + strings.ToUpper(pic.Name), "/media/" + pic.Name + "/large",
		"/media/" + pic.Name + ".html", "/media/" + strings.Replace(pic.Name, ".jpg", ".svg", 1), "/media/" + strings.Replace(pic.Name, ".jpg", ".small.jpg", 1),
		"/media/" + strings.Repeat("0", 32) + ".jpg",
	} {
		r := get(s.Handler(), path)
		if r.StatusCode != http.StatusNotFound || r.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s is answered with %d, %s", path, r.StatusCode, r.Header.Get("Content-Type"))
		}
	}
	for _, name := range []string{"../secret", "../../../secret", "", pic.Name + "/../" + pic.Name} {
		w := httptest.NewRecorder()
		s.Serve(w, httptest.NewRequest(http.MethodGet, "/", nil), name, false)
		if w.Code != http.StatusNotFound {
			t.Errorf("Serve of %q is answered with %d, want 404", name, w.Code)
		}
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/media/"+pic.Name, nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST is answered with %d, want 405", w.Code)
	}
	for _, name := range []string{"../secret", "", "secret", pic.Name + "/../x"} {
		if err := s.Remove(name); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("Remove(%q) = %v, want ErrInvalid", name, err)
		}
	}
}

func TestManySaveAtOnce(t *testing.T) {
	t.Parallel()
	s, dir := open(t, media.Limits{Decodes: 2})
	sent := asJPEG(t, corners(900, 700))
	names := make([]string, 24)
	var wait sync.WaitGroup
	for i := range names {
		wait.Go(func() {
			pic, err := s.Save(t.Context(), bytes.NewReader(sent))
			if err != nil {
				t.Error(err)
			}
			names[i] = pic.Name
		})
	}
	wait.Wait()
	seen := map[string]bool{}
	for _, name := range names {
		seen[name] = true
	}
	if got := len(files(t, dir)); len(seen) != len(names) || got != 2*len(names) {
		t.Errorf("%d names and %d files of %d pictures", len(seen), got, len(names))
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Save(gone, bytes.NewReader(sent)); !errors.Is(err, context.Canceled) {
		t.Errorf("Save for somebody who left = %v, want context.Canceled", err)
	}
}

// others is another server.
type others struct {
	asked  atomic.Int64
	answer func(url string) ([]byte, error)
}

func (o *others) fetch(_ context.Context, url string) (io.ReadCloser, error) {
	o.asked.Add(1)
	data, err := o.answer(url)
	return io.NopCloser(bytes.NewReader(data)), err
}

func TestCopiesOfOthersPictures(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	limits := media.Limits{Now: func() time.Time { return now }}
	s, err := media.OpenWith(dir, limits)
	if err != nil {
		t.Fatal(err)
	}
	sent := asJPEG(t, corners(900, 300))
	ready := make(chan struct{})
	server := &others{answer: func(string) ([]byte, error) { <-ready; return sent, nil }}
	const url = "https://kyiv.example/a.jpg"
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			if pic, err := s.Proxy(t.Context(), url, server.fetch); err != nil || pic.Width != 900 {
				t.Errorf("Proxy = %+v, %v", pic, err)
			}
		})
	}
	close(ready)
	wait.Wait()
	if got := server.asked.Load(); got != 1 {
		t.Errorf("20 readers caused %d fetches, want 1", got)
	}
	if s, err = media.OpenWith(dir, limits); err != nil {
		t.Fatal(err)
	}
	pic, err := s.Proxy(t.Context(), url, server.fetch)
	if err != nil || server.asked.Load() != 1 || pic.Width != 900 || pic.Type != "image/jpeg" {
		t.Errorf("after a restart Proxy = %+v, %v, with %d fetches", pic, err, server.asked.Load())
	}
	if r := get(s.Handler(), "/media/"+pic.Name+"/small"); decoded(t, r).Bounds().Dx() != 640 {
		t.Error("the copy has no small copy")
	}

	broken := &others{answer: func(string) ([]byte, error) { return []byte("<svg/>"), nil }}
	for range 3 {
		if _, err := s.Proxy(t.Context(), "https://kyiv.example/b", broken.fetch); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Proxy of no picture = %v, want ErrUnavailable", err)
		}
	}
	if got := broken.asked.Load(); got != 1 {
		t.Errorf("a picture that failed was fetched %d times in one minute, want 1", got)
	}
	now = now.Add(11 * time.Minute)
	_, _ = s.Proxy(t.Context(), "https://kyiv.example/b", broken.fetch)
	if got := broken.asked.Load(); got != 2 {
		t.Errorf("a picture that failed was fetched %d times after eleven minutes, want 2", got)
	}
	if err := os.RemoveAll(filepath.Join(dir, "remote")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Proxy(t.Context(), url, server.fetch); err != nil || server.asked.Load() != 2 {
		t.Errorf("a copy whose file is gone: %v, with %d fetches, want a second one", err, server.asked.Load())
	}
}

func TestCopiesMakeRoomForOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sent := asJPEG(t, corners(300, 300))
	server := &others{answer: func(string) ([]byte, error) { return sent, nil }}
	s, err := media.OpenWith(dir, media.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	first, err := s.Proxy(t.Context(), "https://kyiv.example/0", server.fetch)
	if err != nil {
		t.Fatal(err)
	}
	if s, err = media.OpenWith(dir, media.Limits{Cache: 3*first.Bytes + 1}); err != nil {
		t.Fatal(err)
	}
	own, err := s.Save(t.Context(), bytes.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < 10; i++ {
		if _, err := s.Proxy(t.Context(), fmt.Sprintf("https://kyiv.example/%d", i), server.fetch); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Proxy(t.Context(), "https://kyiv.example/0", server.fetch); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(files(t, filepath.Join(dir, "remote"))); got != 3 {
		t.Errorf("there are %d copies, want the 3 there is room for", got)
	}
	if got := server.asked.Load(); got != 10 {
		t.Errorf("%d fetches, want 10: the one in use stays", got)
	}
	if r := get(s.Handler(), "/media/"+own.Name); r.StatusCode != 200 {
		t.Errorf("our own picture is answered with %d: it made room for another's", r.StatusCode)
	}
}

// TestCopiesHaveNamesThatNobodyGuesses: whoever knows where a picture lies
// elsewhere cannot ask us whether somebody here has seen it.
func TestCopiesHaveNamesThatNobodyGuesses(t *testing.T) {
	t.Parallel()
	sent := asJPEG(t, corners(30, 30))
	server := &others{answer: func(string) ([]byte, error) { return sent, nil }}
	one, _ := open(t, media.Limits{})
	other, _ := open(t, media.Limits{})
	const url = "https://kyiv.example/secret.jpg"
	a, err := one.Proxy(t.Context(), url, server.fetch)
	if err != nil {
		t.Fatal(err)
	}
	b, err := other.Proxy(t.Context(), url, server.fetch)
	if err != nil {
		t.Fatal(err)
	}
	if a.Name == b.Name {
		t.Errorf("two servers call their copies %s: the name tells what is copied", a.Name)
	}
}

// BenchmarkSave keeps a photo of 12 megapixels, noisy as photos are.
func BenchmarkSave(b *testing.B) {
	img := image.NewYCbCr(image.Rect(0, 0, 4000, 3000), image.YCbCrSubsampleRatio420)
	state := uint32(1)
	for i := range img.Y {
		state = state*1664525 + 1013904223
		img.Y[i] = uint8(i/4000/12) + uint8(state>>28)
	}
	for i := range img.Cb {
		img.Cb[i], img.Cr[i] = uint8(i/2000/6), uint8(i%2000/8)
	}
	sent := asJPEG(b, img)
	s, _ := open(b, media.Limits{})
	b.SetBytes(int64(len(sent)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Save(b.Context(), bytes.NewReader(sent)); err != nil {
			b.Fatal(err)
		}
	}
}
