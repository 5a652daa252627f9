package azure

import (
	"bytes"

	"vedette/internal/codec/jsonscan"
	"vedette/internal/event"
)

// call is what is known of a record while it is decoded.
type call struct {
	record
	op          []byte // operation as logged
	lowOp       []byte // the same in lower case
	resourceID  []byte // as logged
	lowResource []byte
	eventDataID []byte
	props       props
	tenantID    []byte // lower case
	state       []byte // status in words, lower case
}

// Decode implements [cloud.Decoder].
func (d *decoder) Decode(b []byte, ev *event.Event) (int, event.Verdict) {
	ev.Reset()
	d.space.Reset()
	var c call
	n, v := c.read(b)
	if v != event.Decoded {
		return n, v
	}
	ev.Cloud = event.Azure
	s := &d.space
	c.op = s.Text(c.operation)
	c.lowOp = s.Lower(c.op)
	c.place(d)
	ev.Log = class(s.Lower(s.Text(c.category)), c.lowOp, c.lowResource)
	if !ev.Log.Audited() {
		return n, event.Skipped
	}
	t, ok := event.ParseTime(s.Text(c.time))
	if !ok || len(c.op) == 0 {
		d.lacks = "operationName"
		if !ok {
			d.lacks = "time"
		}
		ev.Log = event.NoLog
		return n, event.Broken
	}
	ev.Time = t
	c.props.read(d, c.properties)
	if ev.Log == event.AzureGraph && len(c.props.requestURI) == 0 {
		d.lacks = "properties.requestUri"
		ev.Log = event.NoLog
		return n, event.Broken
	}
	c.tenantID = s.Lower(s.Text(c.tenant))
	if len(c.tenantID) == 0 {
		c.tenantID = c.props.tenant
	}
	d.what(&c, ev)
	d.where(&c, ev)
	d.result(&c, ev)
	d.who(&c, ev)
	if ev.Log == event.AzureKeyVault && ev.Actor.Kind == event.UnknownActor && string(ev.ErrorCode) == "Unauthorized" {
		// Key Vault clients ask once without a token to learn where to get
		// one: the answer 401 refuses nobody anything.
		ev.Outcome, ev.Reason = event.Other, event.NoReason
	}
	d.identify(&c, b[:n], ev)
	return n, event.Decoded
}

// Lacks implements [cloud.Decoder].
func (d *decoder) Lacks() string { return d.lacks }

// place finds the resource that was acted on and, in older REST pages, the id
// of the event within the record's own id
// (".../events/<eventDataId>/ticks/<n>").
func (c *call) place(d *decoder) {
	s := &d.space
	c.resourceID = s.Text(c.resource)
	c.eventDataID = s.Lower(s.Text(c.eventData))
	if id := s.Text(c.id); len(id) > 0 && id[0] == '/' {
		low := s.Lower(id)
		if i := bytes.LastIndex(low, []byte("/events/")); i >= 0 {
			if len(c.eventDataID) == 0 {
				c.eventDataID, _, _ = bytes.Cut(low[i+len("/events/"):], []byte("/"))
			}
			id = id[:i]
		}
		if len(c.resourceID) == 0 {
			c.resourceID = id
		}
	}
	c.lowResource = s.Lower(c.resourceID)
}

// props is what matters of a record's properties, over all log classes.
type props struct {
	statusCode, statusMessage, httpStatus, response []byte // raw
	requestURI, requestID, method, tenant           []byte
	app, user, principal, session                   []byte
	agent, ip, objectKey, account, id               []byte
	responseType, operations                        []byte
}

func (p *props) read(d *decoder, properties []byte) {
	s := &d.space
	o := jsonscan.Members(d.object(properties))
	for {
		key, val, ok := o.Next()
		if !ok {
			return
		}
		switch string(key) {
		case "statusCode":
			p.statusCode = val
		case "statusMessage":
			p.statusMessage = val
		case "httpStatusCode":
			p.httpStatus = val
		case "responseStatusCode":
			p.response = val
		case "requestUri":
			p.requestURI = s.Text(val)
		case "requestId":
			p.requestID = s.Text(val)
		case "requestMethod":
			p.method = s.Text(val)
		case "tenantId":
			p.tenant = s.Lower(s.Text(val))
		case "appId":
			p.app = s.Lower(s.Text(val))
		case "userId":
			p.user = s.Lower(s.Text(val))
		case "servicePrincipalId":
			p.principal = s.Lower(s.Text(val))
		case "signInActivityId":
			p.session = s.Text(val)
		case "userAgent", "userAgentHeader", "clientInfo":
			p.agent = s.Text(val)
		case "ipAddress":
			p.ip = s.Text(val)
		case "objectKey":
			p.objectKey = s.Text(val)
		case "accountName":
			p.account = s.Lower(s.Text(val))
		case "id":
			p.id = s.Text(val)
		case "metricResponseType":
			p.responseType = val
		case "operationCount":
			p.operations = s.Scalar(val)
		}
	}
}

// object returns a raw object, taken out of a string where it stands in one.
func (d *decoder) object(val []byte) []byte {
	if jsonscan.IsString(val) {
		text := d.space.Text(val)
		return text[jsonscan.Space(text, 0):]
	}
	return val
}

// what fills in the API, and whether the log calls it a read or a write.
// The operation alone decides: records of Policy carry an
// authorization.action that ends in /read while they are no reads.
func (d *decoder) what(c *call, ev *event.Event) {
	switch ev.Log {
	case event.AzureGraph:
		method := d.graphName(c.props.method, c.props.requestURI)
		ev.API = d.api(graphService, d.name, d.name)
		switch string(method) {
		case "GET", "HEAD":
			ev.Flags |= event.ReadOnly
		case "PUT", "PATCH", "DELETE":
			ev.Flags |= event.Writes
		}
		ev.Target = c.props.requestURI
	case event.AzureKeyVault:
		ev.API = d.api([]byte("microsoft.keyvault"), c.lowOp, c.op)
		ev.Target = c.lowResource
		for _, t := range [][]byte{c.props.id, c.props.requestURI} {
			if len(t) > 0 {
				ev.Target = t
			}
		}
	case event.AzureStorage:
		ev.API = d.api([]byte("microsoft.storage"), c.lowOp, c.op)
		switch string(d.space.Lower(d.space.Text(c.category))) {
		case "storageread":
			ev.Flags |= event.ReadOnly
		case "storagewrite", "storagedelete":
			ev.Flags |= event.Writes
		}
		ev.Target = c.lowResource
		for _, t := range [][]byte{d.space.Text(c.uri), c.props.objectKey} {
			if len(t) > 0 {
				ev.Target = t
			}
		}
	default:
		service, name, ok := bytes.Cut(c.lowOp, []byte("/"))
		if !ok || len(service) == 0 || len(name) == 0 {
			service, name = []byte("unknown"), c.lowOp
		}
		ev.API = d.api(service, name, name)
		switch string(name[bytes.LastIndexByte(name, '/')+1:]) {
		case "read":
			ev.Flags |= event.ReadOnly
		case "write", "delete":
			ev.Flags |= event.Writes
		}
		ev.Target = c.lowResource
	}
	if isPage(c.props.requestURI) || isPage(d.space.Text(c.uri)) {
		ev.Flags |= event.Page
	}
}

// isPage reports whether a request asks for a further page of a list:
// $skiptoken in Graph and Key Vault, marker in Storage.
func isPage(uri []byte) bool {
	_, query, _ := bytes.Cut(uri, []byte("?"))
	for len(query) > 0 {
		var pair []byte
		pair, query, _ = bytes.Cut(query, []byte("&"))
		name, value, _ := bytes.Cut(pair, []byte("="))
		if len(value) == 0 {
			continue
		}
		switch string(name) {
		case "$skiptoken", "%24skiptoken", "$skipToken", "%24skipToken", "marker":
			return true
		}
	}
	return false
}

// where fills in account, region, address and client, and the seed's view.
func (d *decoder) where(c *call, ev *event.Event) {
	s := &d.space
	from, to := segmentAfter(c.lowResource, "/subscriptions/")
	subscription := c.lowResource[from:to]
	own := s.Text(c.subscription)
	if len(own) > 0 {
		subscription = s.Lower(own)
	}
	ev.Account = subscription
	if len(ev.Account) == 0 {
		ev.Account = c.tenantID // what belongs to the tenant and to no subscription
	}
	ev.Region = d.region(s.Text(c.location))
	ev.UserAgent = c.props.agent
	ev.Address = withoutPort(s.Text(c.address))
	if len(ev.Address) == 0 {
		ev.Address = c.props.ip
	}
	if len(ev.Address) == 0 && len(c.http) > 0 {
		o := jsonscan.Members(d.object(c.http))
		for {
			key, val, ok := o.Next()
			if !ok {
				break
			}
			switch string(key) {
			case "clientIpAddress", "client_ip_address", "clientRequestIp":
				ev.Address = withoutPort(s.Text(val))
			}
		}
	}
	if ev.Log != event.AzureActivity {
		return
	}
	ev.Seed.Name = c.op
	ev.Seed.Account = own
	if len(own) == 0 {
		ev.Seed.Account = subscription
	}
	if ev.Seed.Region = s.Text(c.group); len(ev.Seed.Region) == 0 {
		from, to = segmentAfter(c.lowResource, "/resourcegroups/")
		ev.Seed.Region = c.resourceID[from:to]
	}
}

// region folds the spellings of a region ("West Europe", "westeurope");
// empty for what is global.
func (d *decoder) region(location []byte) []byte {
	low := d.space.Lower(location)
	if bytes.IndexByte(low, ' ') >= 0 {
		low = d.space.Join(low) // a copy of our own
		n := 0
		for _, b := range low {
			if b != ' ' {
				low[n] = b
				n++
			}
		}
		low = low[:n]
	}
	if string(low) == "global" {
		return nil
	}
	return low
}

// withoutPort takes the port off an address such as 192.0.2.7:29713 or
// [2001:db8::1]:443, as Storage logs it.
func withoutPort(address []byte) []byte {
	if len(address) > 0 && address[0] == '[' {
		inner, _, ok := bytes.Cut(address[1:], []byte("]"))
		if ok {
			return inner
		}
		return address
	}
	if i := bytes.IndexByte(address, ':'); i >= 0 && i == bytes.LastIndexByte(address, ':') {
		return address[:i]
	}
	return address
}

// identify fills in what makes copies of one act equal. An operation of the
// activity log leaves a record when it starts and one or more after it; they
// share the operation's id, or in exports, which have none, the correlation
// id.
func (d *decoder) identify(c *call, raw []byte, ev *event.Event) {
	s := &d.space
	correlation := s.Lower(s.Text(c.correlation))
	ev.ID = c.eventDataID
	if len(ev.ID) == 0 {
		ev.ID = correlation
	}
	api := []byte(nil)
	switch ev.Log {
	case event.AzureActivity:
		ev.Rank = rank(c.state)
		op := s.Lower(s.Text(c.operationID))
		if len(op) == 0 {
			op = correlation
		}
		switch {
		case len(op) > 0:
			ev.Key = event.Digest([]byte("azure.operation"), op, c.lowOp, c.lowResource, ev.Actor.Principal)
		case len(c.eventDataID) > 0:
			ev.Key = event.IDKey("azure.event", c.eventDataID)
		default:
			ev.Key = event.Digest([]byte("azure.raw"), raw)
		}
		return
	case event.AzureGraph:
		if len(c.props.requestID) > 0 {
			ev.ID = s.Lower(c.props.requestID)
			// The requests of a batch have paths of their own.
			ev.Key = event.Digest([]byte("azure.graph"), ev.ID, c.props.requestURI)
			return
		}
		api = d.name
	case event.AzureStorage:
		// One request may leave several records, which are counted.
		if len(correlation) > 0 {
			ev.Key = event.Digest([]byte("azure.storage"), correlation, c.lowOp, c.lowResource, c.props.operations, c.props.objectKey)
			return
		}
	}
	// Key Vault takes the correlation id from its client, so that on its own
	// it identifies nothing.
	if len(correlation) > 0 {
		var at [8]byte
		for i := range at {
			at[i] = byte(ev.Time >> (8 * i))
		}
		ev.Key = event.Digest([]byte("azure.resource"), at[:], correlation, c.lowOp, api, ev.Target, ev.Actor.Principal, ev.Address)
		return
	}
	ev.Key = event.Digest([]byte("azure.raw"), raw)
}
