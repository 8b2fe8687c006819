package media

import (
	"bytes"
	"encoding/binary"
)

// jpegFacts reads a JPEG's segments up to its first scan. A progressive one is
// kept in memory as coefficients of four bytes until its end.
func jpegFacts(data []byte) facts {
	out := facts{orientation: 1}
	for i := 2; i+4 <= len(data) && data[i] == 0xff; {
		mark := data[i+1]
		if mark == 0xff { // fill
			i++
			continue
		}
		size := int(binary.BigEndian.Uint16(data[i+2:]))
		if mark == 0xda || size < 2 || i+2+size > len(data) {
			break
		}
		segment := data[i+4 : i+2+size]
		switch {
		case mark == 0xc2:
			out.perPixel = 12
		case mark == 0xe1 && bytes.HasPrefix(segment, []byte("Exif\x00\x00")):
			out.orientation = orientation(segment[6:])
		}
		i += 2 + size
	}
	return out
}

// pngFacts looks for the chunk eXIf, and for interlacing, which takes a second
// picture.
func pngFacts(data []byte) facts {
	out := facts{orientation: 1}
	if len(data) > 28 && data[28] == 1 {
		out.perPixel = 8
	}
	for i := 8; i+12 <= len(data); {
		size := int(binary.BigEndian.Uint32(data[i:]))
		if size < 0 || size > len(data)-i-12 {
			break
		}
		if string(data[i+4:i+8]) == "eXIf" {
			out.orientation = orientation(data[i+8 : i+8+size])
		}
		i += 12 + size
	}
	return out
}

// webpFacts looks for the chunk EXIF.
func webpFacts(data []byte) facts {
	out := facts{orientation: 1, perPixel: 4}
	for i := 12; i+8 <= len(data); {
		size := int(binary.LittleEndian.Uint32(data[i+4:]))
		if size < 0 || size > len(data)-i-8 {
			break
		}
		if string(data[i:i+4]) == "EXIF" {
			out.orientation = orientation(bytes.TrimPrefix(data[i+8:i+8+size], []byte("Exif\x00\x00")))
		}
		i += 8 + size + size%2
	}
	return out
}

// orientation reads the one fact of EXIF that is wanted; 1 where it is not there.
func orientation(tiff []byte) int {
	const tag, short = 0x0112, 3
	if len(tiff) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch string(tiff[:4]) {
	case "II*\x00":
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 1
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return 1
	}
	entries := tiff[at+2:]
	for range order.Uint16(tiff[at:]) {
		if len(entries) < 12 {
			return 1
		}
		if order.Uint16(entries) == tag && order.Uint16(entries[2:]) == short {
			if v := int(order.Uint16(entries[8:])); v >= 1 && v <= 8 {
				return v
			}
			return 1
		}
		entries = entries[12:]
	}
	return 1
}
