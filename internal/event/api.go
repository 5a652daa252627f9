package event

import (
	"sync"
)

// Class says what a call is for.
type Class uint8

// The classes of API. Only Discovery scores; data and crypto reads belong to
// other tactics although the log calls them reads.
const (
	ClassOther     Class = iota // neither known nor recognisable by its verb
	ClassDiscovery              // asks what there is (any ATT&CK Discovery technique)
	ClassDataRead               // reads content: GetObject, GetSecretValue, Query
	ClassCrypto                 // Decrypt, Encrypt, GenerateDataKey
	ClassSession                // hands out or renews credentials: AssumeRole, GetSessionToken
	ClassWrite                  // creates, changes, deletes
	NumClasses
)

var classNames = [NumClasses]string{"other", "discovery", "data_read", "crypto", "session", "write"}

// String returns the class's stable name.
func (c Class) String() string { return classNames[c] }

// ParseClass is the inverse of [Class.String].
func ParseClass(s string) (Class, bool) {
	for i, n := range classNames {
		if n == s {
			return Class(i), true
		}
	}
	return 0, false
}

// API is one operation of one service, by its canonical name. It is the unit
// of breadth: the names that logs use for one operation (API-date suffixes,
// version prefixes, letter case) all lead to the same API.
type API struct {
	ID      uint32 // dense, in order of registration; decides nothing that is shown
	Cloud   Cloud
	Service string // AWS event source, Azure resource provider, GCP service name; lower case
	Name    string // canonical name within the service
	Class   Class
	// Known is false for an API that no catalogue lists; its class then
	// follows from its verb and from what the log says of it.
	Known bool
	// Global marks a service without regions (IAM, CloudFront, Route 53,
	// Organizations): the region in its records is no sign of spread.
	Global    bool
	Technique string // ATT&CK technique, such as "T1580"; empty when not known
	Secondary string // second technique, or empty
	Category  string // kind of resource: compute, storage, identity, ...
	Weight    uint8  // 1 context ... 5 strong sign of enumeration; 0 when not known
	// Breadth is "account" for a call that lists many, "resource" for one
	// that asks about one, or empty.
	Breadth string
	// Logged holds the names under which the provider's log shows the
	// operation, without the version of the API that some have and, for Azure,
	// in lower case; Log is the class of that log. Both are empty for an API
	// that no catalogue lists.
	Logged []string
	Log    Log
}

// Registry holds every API of a run, those of the catalogues and those first
// met in the logs. It is safe for concurrent use; decoders keep what they got
// from it in a cache of their own.
type Registry struct {
	mu   sync.RWMutex
	by   map[apiName]*API
	list []*API
}

type apiName struct {
	cloud         Cloud
	service, name string
}

// NewRegistry returns an empty registry.
func NewRegistry() *Registry { return &Registry{by: make(map[apiName]*API, 4096)} }

// Add enters an API and returns it; the API that was entered first under the
// same (cloud, service, name) wins.
func (r *Registry) Add(a API) *API {
	k := apiName{a.Cloud, a.Service, a.Name}
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.by[k]; old != nil {
		return old
	}
	p := &a
	p.ID = uint32(len(r.list))
	r.by[k] = p
	r.list = append(r.list, p)
	return p
}

// Lookup returns the API of that name, or nil.
func (r *Registry) Lookup(c Cloud, service, name string) *API {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.by[apiName{c, service, name}]
}

// Len returns how many APIs there are; every API.ID is below it.
func (r *Registry) Len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.list)
}

// At returns the API with that ID.
func (r *Registry) At(id uint32) *API {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.list[id]
}

// All returns the APIs in order of their ID.
func (r *Registry) All() []*API {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return append([]*API(nil), r.list...)
}
