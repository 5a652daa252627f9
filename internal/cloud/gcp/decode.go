package gcp

import (
	"bytes"

	"vedette/internal/codec/jsonscan"
	"vedette/internal/event"
)

// Decode implements [cloud.Decoder].
func (d *decoder) Decode(b []byte, ev *event.Event) (int, event.Verdict) {
	ev.Reset()
	d.space.Reset()
	var r entry
	n, v := r.read(b)
	if v != event.Decoded {
		return n, v
	}
	ev.Cloud = event.GCP
	var p payload
	p.read(d, r.payload)
	if !p.audit {
		ev.Log = event.OtherLog
		return n, event.Skipped
	}
	switch {
	case isKubernetes(&p):
		ev.Log = event.GCPKubernetes
		return n, event.Skipped
	case d.workspace[string(p.service)]:
		ev.Log = event.GCPWorkspace
		return n, event.Skipped
	}
	t, ok := event.ParseTime(d.space.Text(r.time))
	if !ok || len(p.method) == 0 {
		d.lacks = "protoPayload.methodName"
		if !ok {
			d.lacks = "timestamp"
		}
		return n, event.Broken
	}
	ev.Time = t
	ev.ID = d.space.Text(r.insertID)
	logName := d.space.Text(r.logName)

	var l labels
	l.read(d, r.resource)
	ev.Account = account(logName, l.project, p.resource)
	ev.Region = d.region(&l, p.location)
	ev.Target = p.resource
	ev.API = d.api(serviceOf(d, &p, &l), p.method)
	d.client(&p, ev)
	d.result(&p, ev)

	permission := d.permissions(p.authorization)
	ev.Log = logClass(logName)
	if ev.Log == event.NoLog {
		ev.Log = likelyLog(permission, ev.API.Class)
	}
	ev.Flags |= access(permission, ev.Log)
	if ev.Log == event.GCPSystemEvent {
		ev.Flags |= event.ServiceMade
	}
	d.who(&p, ev)
	d.identify(&r, logName, b[:n], ev)
	return n, event.Decoded
}

// Lacks implements [cloud.Decoder].
func (d *decoder) Lacks() string { return d.lacks }

// entry is the raw values of the members of a LogEntry that matter.
type entry struct {
	logName, insertID, time      []byte
	resource, payload, operation []byte
	lowName, lowID               []byte // spelled as warehouses spell them
	other                        bool   // a payload that no audit entry has
}

// read collects the members of the object at b[0]. It gives up at the first
// key that only another cloud's record or a container has.
func (r *entry) read(b []byte) (int, event.Verdict) {
	o := jsonscan.Members(b)
	for {
		key, val, ok := o.Next()
		if !ok {
			break
		}
		switch string(key) {
		case "logName":
			r.logName = val
		case "insertId":
			r.insertID = val
		case "logname":
			r.lowName = val
		case "insertid":
			r.lowID = val
		case "timestamp":
			r.time = val
		case "resource":
			r.resource = val
		case "operation":
			r.operation = val
		case "protoPayload":
			if r.payload = val; val[0] != '{' {
				r.payload = nil
			}
		case "jsonPayload", "textPayload":
			r.other = true
		case "Records", "records", "entries", "message", "messages", "logEvents", "tables", "value",
			"specversion", "detail", "detail-type", "eventVersion", "eventSource", "userIdentity",
			"operationName", "CloudTrailEvent", "TimeGenerated", "class_uid", "ecs", "protopayload":
			return 0, event.NotMine
		}
	}
	if r.logName == nil {
		r.logName = r.lowName
	}
	if r.insertID == nil {
		r.insertID = r.lowID
	}
	isEntry := r.payload != nil || r.logName != nil && (r.other || r.insertID != nil && r.time != nil)
	switch o.Err() {
	case nil:
	case jsonscan.ErrTruncated:
		return 0, event.Truncated
	default:
		if isEntry {
			return 0, event.Broken
		}
		return 0, event.NotMine
	}
	if !isEntry {
		return 0, event.NotMine
	}
	return o.End(), event.Decoded
}

// payload is the AuditLog of an entry.
type payload struct {
	audit                                       bool
	method, service, resource                   []byte
	authentication, authorization, request      []byte // raw
	metadata, status, location, violation, kind []byte // raw
}

func (p *payload) read(d *decoder, b []byte) {
	o := jsonscan.Members(b)
	for {
		key, val, ok := o.Next()
		if !ok {
			break
		}
		switch string(key) {
		case "@type", "at_sign_type", "at_type":
			p.kind = d.space.Text(val)
		case "methodName":
			p.method = d.space.Text(val)
		case "serviceName":
			p.service = d.space.Text(val)
		case "resourceName":
			p.resource = d.space.Text(val)
		case "authenticationInfo":
			p.authentication = val
		case "authorizationInfo":
			p.authorization = val
		case "request":
			p.request = val
		case "requestMetadata":
			p.metadata = val
		case "status":
			p.status = val
		case "resourceLocation":
			p.location = val
		case "metadata":
			p.violation = val
		}
	}
	// An entry may carry another type in protoPayload, such as App Engine's
	// request log.
	p.audit = bytes.HasSuffix(p.kind, []byte("google.cloud.audit.AuditLog")) ||
		p.kind == nil && (p.method != nil || p.service != nil || p.authentication != nil)
}

// isKubernetes reports whether the entry is a call to a cluster's own API
// server, which says nothing of the infrastructure around it.
func isKubernetes(p *payload) bool {
	return string(p.service) == "k8s.io" || bytes.HasPrefix(p.method, []byte("io.k8s."))
}

// logClass tells the class of audit log from the name of the log, such as
// "projects/p/logs/cloudaudit.googleapis.com%2Factivity".
func logClass(name []byte) event.Log {
	_, class, ok := bytes.Cut(name, []byte("cloudaudit.googleapis.com"))
	if !ok {
		return event.NoLog
	}
	class = bytes.TrimPrefix(bytes.TrimPrefix(class, []byte("%2F")), []byte("/"))
	switch string(class) {
	case "activity":
		return event.GCPActivity
	case "data_access":
		return event.GCPDataAccess
	case "policy":
		return event.GCPPolicy
	case "system_event":
		return event.GCPSystemEvent
	}
	return event.NoLog
}

// likelyLog is the log that an entry without a log name would stand in: reads
// go to Data Access and changes to Admin Activity ("Types of audit log").
func likelyLog(permission event.Flag, class event.Class) event.Log {
	if permission == event.ReadOnly || permission == 0 && class != event.ClassOther && class != event.ClassWrite {
		return event.GCPDataAccess
	}
	return event.GCPActivity
}

// permissions tells from the types of the permissions that were checked
// whether the call reads or writes; 0 where the log does not say.
func (d *decoder) permissions(authorization []byte) event.Flag {
	if len(authorization) == 0 || authorization[0] != '[' {
		return 0
	}
	var f event.Flag
	a := jsonscan.Elements(authorization)
	for {
		val, ok := a.Next()
		if !ok {
			return f
		}
		switch string(d.space.Text(jsonscan.Get(val, "permissionType"))) {
		case "ADMIN_WRITE", "DATA_WRITE":
			return event.Writes
		case "ADMIN_READ", "DATA_READ":
			f = event.ReadOnly
		}
	}
}

// access says whether the log calls the event a read or a write. Admin
// Activity and System Event hold changes alone; Data Access holds reads of
// both kinds and writes of data.
func access(permission event.Flag, log event.Log) event.Flag {
	if permission == 0 && (log == event.GCPActivity || log == event.GCPSystemEvent) {
		return event.Writes
	}
	return permission
}

// labels is what the monitored resource says of where the call went.
type labels struct{ project, location, zone, region, service []byte }

func (l *labels) read(d *decoder, resource []byte) {
	o := jsonscan.Members(jsonscan.Get(resource, "labels"))
	for {
		key, val, ok := o.Next()
		if !ok {
			return
		}
		switch string(key) {
		case "project_id":
			l.project = d.space.Scalar(val)
		case "location":
			l.location = d.space.Text(val)
		case "zone":
			l.zone = d.space.Text(val)
		case "region":
			l.region = d.space.Text(val)
		case "service":
			l.service = d.space.Text(val)
		}
	}
}

// account is the project whose log holds the entry, else the one that the
// monitored resource or the resource's name tells; "organizations/1",
// "folders/1" or "billingAccounts/1" where it is the log of one of these.
func account(logName, project, resource []byte) []byte {
	if parent := parentOf(logName); len(parent) > 0 {
		return parent
	}
	if len(project) > 0 {
		return project
	}
	return parentOf(resource)
}

// parentOf is the project, organisation, folder or billing account that a
// resource name begins with.
func parentOf(name []byte) []byte {
	kind, rest, _ := bytes.Cut(name, []byte("/"))
	id, _, _ := bytes.Cut(rest, []byte("/"))
	if len(id) == 0 || string(id) == "_" {
		return nil
	}
	switch string(kind) {
	case "projects":
		return id
	case "organizations", "folders", "billingAccounts":
		return name[:len(kind)+1+len(id)]
	}
	return nil
}

// region is where the resource lives; empty for what is global. A zone
// stands for its region.
func (d *decoder) region(l *labels, location []byte) []byte {
	where := l.region
	for _, c := range [][]byte{l.location, l.zone} {
		if len(where) == 0 {
			where = c
		}
	}
	if len(where) == 0 {
		a := jsonscan.Elements(jsonscan.Get(location, "currentLocations"))
		first, _ := a.Next()
		where = d.space.Text(first)
	}
	if string(where) == "global" {
		return nil
	}
	if n := len(where); n > 2 && where[n-2] == '-' && where[n-1] >= 'a' && where[n-1] <= 'z' {
		return where[:n-2]
	}
	return where
}

// client fills in where the call came from and with what.
func (d *decoder) client(p *payload, ev *event.Event) {
	o := jsonscan.Members(p.metadata)
	for {
		key, val, ok := o.Next()
		if !ok {
			break
		}
		switch string(key) {
		case "callerIp":
			ev.Address = d.space.Text(val)
		case "callerSuppliedUserAgent":
			ev.UserAgent = d.space.Text(val)
		case "callerNetwork":
			// A private address means something only within its network.
			ev.Endpoint = d.space.Text(val)
		}
	}
	if bytes.HasPrefix(ev.UserAgent, []byte("Mozilla/")) {
		ev.Flags |= event.Console
	}
	if len(p.request) > 0 && p.request[0] == '{' && len(d.space.Text(jsonscan.Get(p.request, "pageToken"))) > 0 {
		ev.Flags |= event.Page
	}
}

// result fills in the outcome. A missing status and a status without a code
// are success: "granted":false alone is no denial, since a call may ask for
// more permissions than it needs.
func (d *decoder) result(p *payload, ev *event.Event) {
	var code, message, details []byte
	o := jsonscan.Members(p.status)
	for {
		key, val, ok := o.Next()
		if !ok {
			break
		}
		switch string(key) {
		case "code":
			code = d.space.Scalar(val)
		case "message":
			message = d.space.Text(val)
		case "details":
			details = val
		}
	}
	if len(code) == 0 || string(code) == "0" {
		return
	}
	ev.ErrorCode = d.outcomes.Name(code)
	ev.Outcome, _ = d.outcomes.Of(ev.ErrorCode)
	if ev.Outcome == event.Denied {
		ev.Reason = d.outcomes.Reason(message, details, p.violation)
	}
}

// identify fills in what makes copies of one act equal: project, time and
// insert id for an entry of its own, the operation for the first and the
// last entry of a long-running one ("LogEntryOperation").
func (d *decoder) identify(r *entry, logName, raw []byte, ev *event.Event) {
	var id, producer []byte
	var first, last bool
	o := jsonscan.Members(r.operation)
	for {
		key, val, ok := o.Next()
		if !ok {
			break
		}
		switch string(key) {
		case "id":
			id = d.space.Text(val)
		case "producer":
			producer = d.space.Text(val)
		case "first":
			first = isTrue(val)
		case "last":
			last = isTrue(val)
		}
	}
	switch {
	case len(id) > 0 && first != last:
		ev.Key = event.Digest([]byte("gcp.operation"), ev.Account, producer, id,
			[]byte(ev.API.Service), []byte(ev.API.Name))
		if last {
			ev.Rank = 2
		}
	case len(ev.ID) > 0:
		var at [8]byte
		for i := range at {
			at[i] = byte(ev.Time >> (8 * i))
		}
		ev.Key = event.Digest([]byte("gcp.entry"), logName, at[:], ev.ID)
	default:
		ev.Key = event.Digest([]byte("gcp.raw"), raw)
	}
}

func isTrue(val []byte) bool { return string(val) == "true" || string(val) == `"true"` }
