// Package cloud says what it takes to be a cloud. Each provider lives in a
// folder of its own and is listed once, in package all.
package cloud

import "vedette/internal/event"

// Provider is a cloud whose audit records Vedette reads.
type Provider interface {
	// Cloud names the provider.
	Cloud() event.Cloud
	// Register enters the provider's API catalogue.
	Register(reg *event.Registry) error
	// NewDecoder returns a decoder that resolves names in reg. Several
	// decoders may work on one registry at a time.
	NewDecoder(reg *event.Registry) Decoder
}

// Decoder turns the provider's native records into events. It keeps caches
// and scratch space, so each goroutine needs its own.
type Decoder interface {
	// Decode reads the JSON object that starts at b[0]; b may go on after
	// it. For every verdict but [event.NotMine], [event.Truncated] and a
	// [event.Broken] of bad syntax, n is where the object ends; else n is 0.
	//
	// ev is reset first. Its fields are views into b or into the decoder's
	// scratch space: they hold until the next call. With verdict Skipped only
	// ev.Cloud and ev.Log are set.
	//
	// A decoder may leave it to [event.Event.Resolve] to fill in the caller.
	//
	// Decode must give up early (NotMine) on an object that is not a record
	// of this cloud, and must not allocate for one that is, names not seen
	// before excepted.
	Decode(b []byte, ev *event.Event) (n int, v event.Verdict)

	// Lacks names the field for want of which the last Decode said
	// [event.Broken] of good syntax.
	Lacks() string
}
