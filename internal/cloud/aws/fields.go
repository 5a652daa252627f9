package aws

import "vedette/internal/codec/jsonscan"

// field is a member of a record that matters.
type field uint8

const (
	ignored field = iota
	foreign       // a member that no CloudTrail record has
	fVersion
	fIdentity
	fTime
	fSource
	fName
	fRegion
	fAddress
	fAgent
	fParams
	fResponse
	fCode
	fMessage
	fID
	fReadOnly
	fManagement
	fKind
	fCategory
	fRecipient
	fShared
	fEndpoint
	fConsole
	fDigest
	fS3
)

// fieldOf tells a member by its key.
func fieldOf(key []byte) field {
	switch string(key) {
	case "eventVersion":
		return fVersion
	case "userIdentity":
		return fIdentity
	case "eventTime":
		return fTime
	case "eventSource":
		return fSource
	case "eventName":
		return fName
	case "awsRegion":
		return fRegion
	case "sourceIPAddress":
		return fAddress
	case "userAgent":
		return fAgent
	case "requestParameters":
		return fParams
	case "responseElements":
		return fResponse
	case "errorCode":
		return fCode
	case "errorMessage":
		return fMessage
	case "eventID":
		return fID
	case "readOnly":
		return fReadOnly
	case "managementEvent":
		return fManagement
	case "eventType":
		return fKind
	case "eventCategory":
		return fCategory
	case "recipientAccountId":
		return fRecipient
	case "sharedEventID":
		return fShared
	case "vpcEndpointId":
		return fEndpoint
	case "sessionCredentialFromConsole":
		return fConsole
	case "digestStartTime", "digestS3Object":
		return fDigest
	case "s3":
		return fS3
	case "Records", "records", "logEvents", "detail", "detail-type", "protoPayload", "logName",
		"operationName", "CloudTrailEvent", "class_uid", "ecs", "tables", "messageType":
		return foreign
	}
	if len(key) > len("userIdentity") && string(key[:len("userIdentity")]) == "userIdentity" {
		return foreign // a flattened row: userIdentity.arn, userIdentityarn
	}
	return ignored
}

// set keeps the value of a member.
func (r *record) set(f field, val []byte) {
	switch f {
	case fVersion:
		r.hasVersion = true
	case fIdentity:
		r.identity = val
	case fTime:
		r.time = jsonscan.Text(val)
	case fSource:
		r.source = jsonscan.Text(val)
	case fName:
		r.name = jsonscan.Text(val)
	case fRegion:
		r.region = jsonscan.Text(val)
	case fAddress:
		if r.ip = jsonscan.Text(val); r.ip == nil {
			// Some pipelines enrich the address in place.
			r.ip = jsonscan.GetText(val, "ipaddress")
		}
	case fAgent:
		r.agent = jsonscan.Text(val)
	case fParams:
		r.params = val
	case fResponse:
		r.response = val
	case fCode:
		r.code = jsonscan.Text(val)
	case fMessage:
		r.message = val
	case fID:
		r.id = jsonscan.Text(val)
	case fReadOnly:
		r.readOnly = val
	case fManagement:
		r.management = val
	case fKind:
		r.kind = jsonscan.Text(val)
	case fCategory:
		r.category = jsonscan.Text(val)
	case fRecipient:
		r.recipient = jsonscan.Scalar(val)
	case fShared:
		r.shared = jsonscan.Text(val)
	case fEndpoint:
		r.endpoint = jsonscan.Text(val)
	case fConsole:
		r.fromConsole = val
	case fDigest:
		r.hasDigest = true
	case fS3:
		r.hasS3 = true
	}
}

// layout is the order in which members stand, learnt from a record, so that
// those of the next ones can be foretold: comparing a key with the one that
// is due costs less than finding out which it is.
type layout struct {
	keys   []string // with quotes and colon, as NextKnown wants them
	fields []field
	at     int // the member due

	learning     bool // from this record
	missed, seen int  // members of this record: not foretold, and all
}

const (
	// maxMembers bounds what is learnt; records have some 25 members.
	maxMembers = 64
	// ahead is how many members may be absent in a row: most that are
	// optional stand alone.
	ahead = 4
)

// begin starts a record. When most members of the last one were not
// foretold, the order is learnt anew.
func (l *layout) begin() {
	l.learning = len(l.keys) == 0 || !l.learning && 2*l.missed > l.seen
	if l.learning {
		l.keys, l.fields = l.keys[:0], l.fields[:0]
	}
	l.at, l.missed, l.seen = 0, 0, 0
}

// next returns the next member of o.
func (l *layout) next(o *jsonscan.Object) (field, []byte, bool) {
	l.seen++
	if l.at < len(l.keys) {
		if val, ok := o.NextKnown(l.keys[l.at]); ok {
			l.at++
			return l.fields[l.at-1], val, true
		}
	}
	key, val, ok := o.Next()
	if !ok {
		return ignored, nil, false
	}
	f := fieldOf(key)
	if l.learning {
		if len(l.keys) < maxMembers && len(key) <= 64 {
			l.keys, l.fields = append(l.keys, `"`+string(key)+`":`), append(l.fields, f)
			l.at++
		}
		return f, val, true
	}
	l.missed++
	for i := l.at + 1; i < len(l.keys) && i <= l.at+ahead; i++ {
		if k := l.keys[i]; k[1:len(k)-2] == string(key) {
			l.at = i + 1 // those between are absent here
			break
		}
	}
	return f, val, true
}
