package aws

import (
	"vedette/internal/cloud/scratch"
	"vedette/internal/codec/jsonscan"
)

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

// set keeps the value of a member. plain says that no escape is in it. It
// returns false for a member that no CloudTrail record has.
func (r *record) set(f field, val []byte, plain bool) bool {
	switch f {
	case foreign:
		return false
	case fVersion:
		r.hasVersion = true
	case fIdentity:
		if len(val) > 1 && val[0] == '"' && val[1] == '{' {
			return false // a row of a table has the identity as text
		}
		r.identity = val
	case fTime:
		r.time = textOf(val, plain)
	case fSource:
		r.source = textOf(val, plain)
	case fName:
		r.name = textOf(val, plain)
	case fRegion:
		r.region = textOf(val, plain)
	case fAddress:
		if r.ip = textOf(val, plain); r.ip == nil {
			// Some pipelines enrich the address in place.
			r.ip = jsonscan.GetText(val, "ipaddress")
		}
	case fAgent:
		r.agent = textOf(val, plain)
	case fParams:
		if string(val) != "null" { // the call has none
			r.params = val
		}
	case fResponse:
		r.response = val
	case fCode:
		r.code = textOf(val, plain)
	case fMessage:
		r.message = val
	case fID:
		r.id = textOf(val, plain)
	case fReadOnly:
		r.readOnly = val
	case fManagement:
		r.management = val
	case fKind:
		r.kind = textOf(val, plain)
	case fCategory:
		r.category = textOf(val, plain)
	case fRecipient:
		r.recipient = accountID(val)
	case fShared:
		r.shared = textOf(val, plain)
	case fEndpoint:
		r.endpoint = textOf(val, plain)
	case fConsole:
		r.fromConsole = val
	case fDigest:
		r.hasDigest = true
	case fS3:
		r.hasS3 = true
	}
	return true
}

// accountID is the id of an account, which some pipelines take for a number.
// Ids are digits; a number with more to it is one that lost its form.
func accountID(val []byte) []byte { return scratch.Whole(jsonscan.Scalar(val)) }

// textOf is [jsonscan.Text] of a value, for less where no escape is in it.
func textOf(val []byte, plain bool) []byte {
	if plain && jsonscan.IsString(val) {
		return val[1 : len(val)-1]
	}
	return jsonscan.Text(val)
}

// layout is the order in which members stand, learnt from a record, so that
// those of the next ones can be foretold: comparing a key with the one that
// is due costs less than finding out which it is.
type layout struct {
	keys   []jsonscan.Key
	fields []field
	vals   [maxMembers]jsonscan.Span
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

// known takes the members that come as foretold and returns what they are
// and where their values lie.
func (l *layout) known(o *jsonscan.Object) ([]field, []jsonscan.Span) {
	if l.learning {
		return nil, nil
	}
	n := o.Known(l.keys[l.at:], l.vals[:])
	fields := l.fields[l.at : l.at+n]
	l.at += n
	l.seen += n
	return fields, l.vals[:n]
}

// met tells which member a key is that was not foretold, and what to expect
// behind it.
func (l *layout) met(key []byte) field {
	f := fieldOf(key)
	l.seen++
	if l.learning {
		if k, ok := jsonscan.KeyOf(key, l.seen == 1); ok && len(l.keys) < maxMembers {
			l.keys, l.fields = append(l.keys, k), append(l.fields, f)
		}
		return f
	}
	for i := l.at; i < len(l.keys) && i <= l.at+ahead; i++ {
		if l.keys[i].Is(key) {
			if i > l.at {
				l.missed++
			}
			l.at = i + 1 // those between are absent here
			return f
		}
	}
	l.missed++
	return f
}
