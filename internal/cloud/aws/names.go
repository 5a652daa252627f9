package aws

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"vedette/internal/cloud/catalog"
	"vedette/internal/event"
)

// api resolves the name as logged.
func (d *decoder) api(source, name []byte) *event.API {
	k := &d.known[knownSlot(source, name)]
	if k.name != string(name) || k.source != string(source) {
		k.api = d.lookup(source, name)
		if k.source, k.name = "", ""; len(source)+len(name) < 2*maxName {
			k.source, k.name = string(source), string(name)
		}
	}
	return k.api
}

// knownAPI is an API under the name that a log gives it.
type knownAPI struct {
	source, name string
	api          *event.API
}

const knownBits = 9

// knownSlot is a place for a name, of few bytes of it: a trail is of some
// dozens of names, and a map would cost three times as much.
func knownSlot(source, name []byte) uint64 {
	h := uint64(len(source))<<8 ^ uint64(len(name))
	if len(source) >= 8 {
		h ^= binary.LittleEndian.Uint64(source)
	}
	h *= 0x9e3779b97f4a7c15
	if len(name) >= 8 {
		h ^= binary.LittleEndian.Uint64(name) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(name[len(name)-8:]), 29)
	}
	return h * 0x9e3779b97f4a7c15 >> (64 - knownBits)
}

// lookup resolves a name that was not met of late.
func (d *decoder) lookup(source, name []byte) *event.API {
	k := append(d.scratch[:0], source...)
	k = append(k, 0)
	k = append(k, name...)
	d.scratch = k
	if a := d.apis[string(k)]; a != nil {
		return a
	}
	a := d.resolve(source, name)
	if len(k) > 2*maxName {
		return a
	}
	if len(d.apis) >= maxCached {
		clear(d.apis)
	}
	d.apis[string(k)] = a
	return a
}

// maxCached bounds the caches that hostile input could otherwise grow, in
// entries.
const maxCached = 1 << 16

// maxName bounds a name that no catalogue knows, and one that a cache keeps.
const maxName = 256

func (d *decoder) resolve(source, name []byte) *event.API {
	if a := d.names.Lookup(source, name); a != nil {
		return a
	}
	service := string(bytes.ToLower(clip(source)))
	canonical := string(clip(Canonical(source, name)))
	if a := d.reg.Lookup(event.AWS, service, canonical); a != nil {
		return a
	}
	return d.reg.Add(event.API{
		Cloud:   event.AWS,
		Service: service,
		Name:    canonical,
		Class:   catalog.Classify(canonical),
		Global:  d.names.Global(service),
	})
}

func clip(b []byte) []byte {
	if len(b) > maxName {
		return b[:maxName]
	}
	return b
}
