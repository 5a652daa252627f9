// Package emulate turns the calls of real cloud clients into the audit logs
// that the cloud would have written about them.
//
// A client (the AWS CLI, boto3, gcloud, the Azure CLI) is started with a
// proxy in its environment and a certificate authority of our own. It then
// speaks to ec2.eu-west-1.amazonaws.com or management.azure.com as it always
// does; the Proxy ends its TLS, hands the request to the stand-in of that
// provider, and the stand-in answers and writes what the provider would have
// logged. Nothing leaves the machine: a host that no stand-in serves is
// refused and reported.
//
// What cannot be observed on one machine (when and from where the call came)
// is told to the Stage beforehand, scene by scene. Everything else in a record
// is taken from the request and its answer. docs/recorder.md lists, field by
// field, what is observed, what is derived and what is set.
package emulate

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

// Scene says who speaks: the address that the provider sees, the moment of the
// first call, and how long the client takes from one call to the next.
type Scene struct {
	Source string
	Start  time.Time
	// PaceMin and PaceMax bound the time from one call to the next; each step
	// is drawn between them.
	PaceMin, PaceMax time.Duration
}

// Stage is the clock and the source of every identifier that a provider would
// have made up. A stage is told what time it is, or is live and looks. Two runs with the same seed and the same calls give the same
// times and identifiers. It is safe for concurrent use, but the order of calls
// decides what each gets, so clients have to run one after the other.
type Stage struct {
	mu    sync.Mutex
	seed  string
	rng   *rand.Rand
	scene Scene
	now   time.Time
	first bool
	live  bool
	made  map[string]uint64
}

// NewStage returns a stage whose identifiers all follow from seed.
func NewStage(seed string) *Stage {
	sum := sha256.Sum256([]byte(seed))
	return &Stage{
		seed: seed,
		rng:  rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16]))),
		made: map[string]uint64{},
	}
}

// Live makes the stage's clock the real one, from now on; source is the address
// that all calls come from. Seeds of live stages must differ, since a second
// recording would have the identifiers of the first.
func (s *Stage) Live(source string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live, s.scene.Source = true, source
}

// Begin starts a scene: the next call happens at its Start.
func (s *Stage) Begin(sc Scene) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scene, s.now, s.first = sc, sc.Start, true
}

// Pause lets time pass between two calls of a scene, as when a person reads.
func (s *Stage) Pause(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// Tick returns the moment and the source address of the call being handled and
// moves the clock on. It must be called once for each call.
func (s *Stage) Tick() (at time.Time, source string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live {
		return time.Now().UTC(), s.scene.Source
	}
	if !s.first {
		step := s.scene.PaceMin
		if span := s.scene.PaceMax - s.scene.PaceMin; span > 0 {
			step += time.Duration(s.rng.Int64N(int64(span)))
		}
		s.now = s.now.Add(step)
	}
	s.first = false
	return s.now, s.scene.Source
}

// Now returns the stage's time without moving it.
func (s *Stage) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live {
		return time.Now().UTC()
	}
	return s.now
}

// digest returns 32 bytes that follow from the seed, kind and how many of that
// kind were made before.
func (s *Stage) digest(kind string) [32]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.made[kind]
	s.made[kind] = n + 1
	return sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d", s.seed, kind, n))
}

// UUID returns the next identifier of a kind, shaped like a random UUID.
func (s *Stage) UUID(kind string) string { return uuidOf(s.digest(kind)) }

// Hex returns the next n hexadecimal digits of a kind, n at most 64.
func (s *Stage) Hex(kind string, n int) string {
	return fmt.Sprintf("%x", s.digest(kind))[:n]
}

// Token returns the next n characters of a kind out of alphabet, n at most 32.
func (s *Stage) Token(kind, alphabet string, n int) string {
	d := s.digest(kind)
	var b strings.Builder
	for _, c := range d[:n] {
		b.WriteByte(alphabet[int(c)%len(alphabet)])
	}
	return b.String()
}

// Between returns the next whole number of a kind from lo up to, not
// including, hi.
func (s *Stage) Between(kind string, lo, hi int) int {
	d := s.digest(kind)
	return lo + int(binary.BigEndian.Uint32(d[:4])%uint32(hi-lo))
}

func uuidOf(d [32]byte) string {
	d[6] = d[6]&0x0f | 0x40
	d[8] = d[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", d[0:4], d[4:6], d[6:8], d[8:10], d[10:16])
}

const upperAlnum = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
