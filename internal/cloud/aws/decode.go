package aws

import (
	"bytes"
	_ "embed"

	"vedette/internal/cloud"
	"vedette/internal/cloud/catalog"
	"vedette/internal/cloud/outcomes"
	"vedette/internal/cloud/scratch"
	"vedette/internal/codec/jsonscan"
	"vedette/internal/event"
)

//go:embed outcomes.tsv
var outcomesTSV string

// Provider is Amazon Web Services: it reads CloudTrail records in the form
// in which CloudTrail delivers them ("CloudTrail record contents", CloudTrail
// User Guide).
type Provider struct {
	names    *catalog.Names
	outcomes *outcomes.Table
}

// New returns the provider.
func New() *Provider { return &Provider{} }

// Cloud returns [event.AWS].
func (p *Provider) Cloud() event.Cloud { return event.AWS }

// Register enters the AWS catalogue. It must be called before NewDecoder.
func (p *Provider) Register(reg *event.Registry) (err error) {
	if p.outcomes, err = outcomes.Parse("aws/outcomes.tsv", outcomesTSV); err != nil {
		return err
	}
	p.names, err = LoadCatalog(reg)
	return err
}

// NewDecoder returns a decoder of CloudTrail records.
func (p *Provider) NewDecoder(reg *event.Registry) cloud.Decoder {
	return &decoder{
		reg:      reg,
		names:    p.names,
		outcomes: p.outcomes,
		apis:     make(map[string]*event.API, 256),
		codes:    make(map[string]event.Outcome, 64),
	}
}

// decoder holds what one goroutine needs: caches of names and identities,
// which make the usual record free of allocation.
type decoder struct {
	reg      *event.Registry
	names    *catalog.Names
	outcomes *outcomes.Table
	known    [1 << knownBits]knownAPI // the APIs met of late
	apis     map[string]*event.API
	codes    map[string]event.Outcome
	scratch  []byte
	ids      identityCache
	rec      record // of the event decoded last
	layout   layout
	timed    bool // the event that was broken had a time
}

// record is the raw values of the members that matter.
type record struct {
	identity, params, response        []byte // raw JSON
	time, source, name, region        []byte
	ip, agent, code, message, id      []byte
	shared, recipient, endpoint       []byte
	category, kind                    []byte
	readOnly, management, fromConsole []byte
	hasDigest, hasS3, hasVersion      bool
}

// Decode implements [cloud.Decoder].
func (d *decoder) Decode(b []byte, ev *event.Event) (int, event.Verdict) {
	ev.Reset()
	r := &d.rec
	*r = record{}
	n, v := r.read(b, &d.layout)
	if v != event.Decoded {
		return n, v
	}
	ev.Cloud = event.AWS
	if ev.Log, v = r.class(); v != event.Decoded {
		return n, v
	}
	t, ok := event.ParseTime(r.time)
	if !ok || len(r.name) == 0 || len(r.source) == 0 {
		d.timed = ok
		return n, event.Broken
	}
	ev.Time = t
	ev.ID = r.id
	ev.Region = r.region
	ev.UserAgent = r.agent
	ev.Address = r.ip
	ev.Endpoint = r.endpoint
	ev.Target = r.params
	ev.API = d.api(r.source, r.name)
	if ev.API.Log == event.CloudTrailData && r.classless() {
		ev.Log = event.CloudTrailData
	}
	d.key(r, b[:n], ev)
	d.result(r, ev)
	ev.Defer(d)
	switch {
	case isTrue(r.readOnly):
		ev.Flags |= event.ReadOnly
	case isFalse(r.readOnly):
		ev.Flags |= event.Writes
	}
	if isTrue(r.fromConsole) {
		ev.Flags |= event.Console
	}
	ev.Seed.Name = r.name
	ev.Seed.Region = r.region
	return n, event.Decoded
}

// Lacks implements [cloud.Decoder].
func (d *decoder) Lacks() string {
	switch {
	case !d.timed:
		return "eventTime"
	case len(d.rec.name) == 0:
		return "eventName"
	}
	return "eventSource"
}

// read collects the members of the object at b[0]. It gives up at the first
// key that only another cloud's record or a container has.
func (r *record) read(b []byte, l *layout) (int, event.Verdict) {
	var o jsonscan.Object
	o.Reset(b)
	l.begin()
	for {
		fields, vals := l.known(&o)
		for i, f := range fields {
			if val := b[vals[i].Start:vals[i].End]; !r.set(f, val, true) {
				return 0, event.NotMine
			}
		}
		key, val, ok := o.Next()
		if !ok {
			break
		}
		if !r.set(l.met(key), val, false) {
			return 0, event.NotMine
		}
	}
	switch o.Err() {
	case nil:
	case jsonscan.ErrTruncated:
		return 0, event.Truncated
	default:
		if r.name != nil && r.source != nil {
			return 0, event.Broken
		}
		return 0, event.NotMine
	}
	if !r.hasDigest && (r.name == nil || r.source == nil) && !r.looksLike() {
		return 0, event.NotMine
	}
	return o.End(), event.Decoded
}

// looksLike reports whether an object without an event name or source is
// nevertheless a CloudTrail record, so that it counts as one that is broken.
func (r *record) looksLike() bool {
	if len(r.kind) > 0 && bytes.HasPrefix(r.kind, []byte("Aws")) {
		return true
	}
	return r.hasVersion && r.id != nil && (r.time != nil || r.source != nil || r.name != nil)
}

// class tells the log class from the category; records before version 1.07
// have none, and are management events unless they or the catalogue say
// otherwise ([record.classless]).
func (r *record) class() (event.Log, event.Verdict) {
	switch {
	case r.hasDigest:
		return event.CloudTrailDigest, event.Skipped
	case string(r.category) == "Insight" || string(r.kind) == "AwsCloudTrailInsight":
		return event.CloudTrailInsight, event.Skipped
	case string(r.category) == "Aggregated" || string(r.kind) == "AwsAggregatedEvent":
		return event.CloudTrailAggregated, event.Skipped
	case r.hasS3 && bytes.HasPrefix(r.source, []byte("aws:")):
		return event.ObjectNotification, event.Skipped
	case string(r.category) == "Data":
		return event.CloudTrailData, event.Decoded
	case string(r.category) == "NetworkActivity":
		return event.CloudTrailNetwork, event.Decoded
	case len(r.category) == 0 && isFalse(r.management):
		return event.CloudTrailData, event.Decoded
	}
	return event.CloudTrailManagement, event.Decoded
}

// classless reports whether nothing in a record tells data from management
// events. That is so before version 1.06 and in tables whose columns end at
// vpcEndpointId, as most do that Athena reads; there the API alone tells.
func (r *record) classless() bool {
	return len(r.category) == 0 && !isTrue(r.management) && !isFalse(r.management)
}

// key identifies the act. Copies in two accounts share sharedEventID and
// have eventIDs of their own.
func (d *decoder) key(r *record, raw []byte, ev *event.Event) {
	switch {
	case len(r.shared) > 0:
		ev.Key = event.IDKey("cloudtrail", r.shared)
		ev.Shared = true
	case len(r.id) > 0:
		ev.Key = event.IDKey("cloudtrail", r.id)
	default:
		ev.Key = event.Digest([]byte("cloudtrail.raw"), raw)
	}
}

// Resolve implements [event.Resolver].
func (d *decoder) Resolve(ev *event.Event) {
	r := &d.rec
	if ev.API.Class == event.ClassSession {
		grant(r, ev)
	}
	id, hash := d.ids.get(r.identity)
	ev.Actor = id.actor
	if id.whole {
		// The hash as it was computed, not as it lies with the identity: who
		// looks it up need not wait until that comes from memory.
		ev.Actor.Ref = hash
	}
	ev.Account = id.account
	ev.Seed.Identity = id.arn
	ev.Seed.Account = id.account
	if len(ev.Account) == 0 {
		ev.Account = r.recipient
	} else if len(r.recipient) > 0 && !bytes.Equal(r.recipient, ev.Account) {
		ev.Recipient = r.recipient
	}
	if id.noMFA {
		ev.Flags |= event.NoMFA
	}
	if id.service || isService(r.ip) || string(r.kind) == "AwsServiceEvent" {
		ev.Flags |= event.ServiceMade
	}
	if len(ev.Actor.Principal) == 0 {
		// Nothing names the caller: the key is the service that wrote the
		// record where it did so on its own, else the account.
		k := append(d.scratch[:0], "unknown:"...)
		if string(r.kind) == "AwsServiceEvent" {
			ev.Actor.Kind = event.AWSService
			k = append(append(d.scratch[:0], "service:"...), r.source...)
		} else {
			k = append(k, ev.Account...)
		}
		d.scratch = k
		ev.Actor.Principal = k
	}
}

// isService reports whether an address is the name of the AWS service that
// made the call; callers cannot set it.
func isService(ip []byte) bool {
	return string(ip) == "AWS Internal" ||
		bytes.HasSuffix(ip, []byte(".amazonaws.com")) ||
		bytes.HasSuffix(ip, []byte(".amazonaws.com.cn"))
}

// result fills in the outcome.
func (d *decoder) result(r *record, ev *event.Event) {
	if len(r.code) == 0 {
		return
	}
	ev.ErrorCode = r.code
	o, ok := d.codes[string(r.code)]
	if !ok {
		o, _ = d.outcomes.Of(side(r.code))
		if len(d.codes) >= maxCached {
			clear(d.codes)
		}
		if len(r.code) <= maxName {
			d.codes[string(r.code)] = o
		}
	}
	ev.Outcome = o
	if o == event.Denied {
		ev.Reason = d.outcomes.Reason(r.message)
	}
}

// side drops the fault side that EC2 puts before its codes.
func side(code []byte) []byte {
	code = bytes.TrimPrefix(code, []byte("Client."))
	return bytes.TrimPrefix(code, []byte("Server."))
}

// grant notes the credential that an STS call handed out. The secret and the
// token beside it are not looked at.
func grant(r *record, ev *event.Event) {
	if len(r.response) == 0 || r.response[0] != '{' {
		return
	}
	o := jsonscan.Members(r.response)
	for {
		key, val, ok := o.Next()
		if !ok {
			break
		}
		switch string(key) {
		case "credentials":
			ev.Grant.Key = unmasked(jsonscan.GetText(val, "accessKeyId"))
		case "assumedRoleUser", "federatedUser":
			// No name in the ARN of a session may have an asterisk.
			if arn := jsonscan.GetText(val, "arn"); bytes.IndexByte(arn, '*') < 0 {
				ev.Grant.Session = arn
			}
		}
	}
	if len(ev.Grant.Key) > 0 || len(ev.Grant.Session) > 0 {
		ev.Grant.Via = ev.API.Name
	}
}

func isTrue(val []byte) bool {
	s := string(scratch.Whole(trimQuotes(val)))
	return s == "true" || s == "True" || s == "1"
}

func isFalse(val []byte) bool {
	s := string(scratch.Whole(trimQuotes(val)))
	return s == "false" || s == "False" || s == "0"
}

func trimQuotes(val []byte) []byte {
	if jsonscan.IsString(val) {
		return val[1 : len(val)-1]
	}
	return val
}
