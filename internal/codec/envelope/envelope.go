// Package envelope takes audit records out of what carriers wrapped them in:
// EventBridge, CloudWatch Logs, lookup-events, SNS, SQS, Kinesis, Pub/Sub,
// CloudEvents, Splunk, Log Analytics, Elasticsearch and test harnesses.
//
// An envelope is told by its keys alone, never by a file's name. What comes
// out may be an envelope again, an array, or several objects: the caller
// looks at it as it would at a file, to a depth that it bounds.
package envelope

import (
	"bytes"

	"vedette/internal/codec/jsonscan"
	"vedette/internal/event"
)

// Result is what [Peeler.Peel] found.
type Result struct {
	// Verdict is NotMine for an object that is no envelope, Decoded for one
	// that was opened (whether it held anything or not), Skipped for one
	// that is known never to hold an audit record, and Broken for an
	// envelope whose contents cannot be read.
	Verdict event.Verdict
	// Log says what a skipped object is.
	Log event.Log
	// Kind names the envelope, such as "eventbridge"; see docs/formats.md.
	Kind string
	// Emitted counts the payloads handed to emit.
	Emitted int
	// Lost counts the parts of the envelope that could not be read: bad
	// base64, bad gzip, or more than [MaxInflated].
	Lost int
	// Other counts further parts that are no JSON, such as lines of text in a
	// log stream. The part that a verdict of Skipped stands for is not among
	// them.
	Other int
}

// MaxInflated bounds the bytes that compressed payloads inside one outermost
// object may grow to, over all depths.
const MaxInflated = 64 << 20

// Peeler opens envelopes. The zero Peeler is ready for use. It is not safe
// for concurrent use.
type Peeler struct{ inflated int64 }

// Reset begins a new outermost object: the inflation budget starts afresh.
func (p *Peeler) Reset() { p.inflated = 0 }

// Peel opens the one JSON object that starts at obj[0] and hands each payload
// to emit, unescaped and decompressed. The bytes given to emit are valid
// until it returns, and as long as obj is. An error of emit ends the peeling
// and is returned as it is; nothing else is an error.
func (p *Peeler) Peel(obj []byte, emit func(inner []byte) error) (Result, error) {
	var m members
	if !m.read(obj) {
		return Result{Verdict: event.NotMine}, nil
	}
	o := opening{p: p, m: &m, emit: emit}
	for _, try := range recognisers {
		if try(&o) {
			return o.finish()
		}
	}
	return Result{Verdict: event.NotMine}, nil
}

// Peel is [Peeler.Peel] with a Peeler of its own: for an object that is not
// itself the content of an envelope.
func Peel(obj []byte, emit func(inner []byte) error) (Result, error) {
	return new(Peeler).Peel(obj, emit)
}

// key numbers the member names that envelopes have.
type key uint8

const (
	kDetail key = iota
	kDetailType
	kSource
	kCloudTrailEvent
	kMessageType
	kLogEvents
	kAwslogs
	kKinesis
	kData
	kDataBase64
	kCapData
	kRecordID
	kSequenceNumber
	kPartitionKey
	kSns
	kTopicArn
	kCapMessage
	kMessage
	kCapBody
	kBody
	kMessageID
	kReceiptHandle
	kS3
	kS3Bucket
	kS3ObjectKey
	kCapEvent
	kResult
	kResults
	kRaw
	kPreview
	kOffset
	kLastRow
	kEvent
	kSourcetype
	kTables
	kSpecVersion
	kType
	kAttributes
	kPublishTime
	kAckID
	kSubscription
	kInput
	kExpected
	kEventOriginal
	kAWS
	kJSONPayload
	kEventData
	kESSource
	kHits
	kRawData
	kClassUID
	kTimestamp
	kEventID
	kID
	kIngestionTime
	kLogStreamName
	kAtTimestamp
	kList
	numKeys
)

// names maps member names to their number. Names that mean the same in two
// spellings share one. The containers of records share kList: a caller that
// streams them has them open before it comes here, but they also stand inside
// strings.
var names = map[string]key{
	"detail": kDetail, "detail-type": kDetailType, "source": kSource,
	"CloudTrailEvent": kCloudTrailEvent,
	"messageType":     kMessageType, "logEvents": kLogEvents, "awslogs": kAwslogs,
	"kinesis": kKinesis, "data": kData, "data_base64": kDataBase64, "Data": kCapData,
	"recordId": kRecordID, "SequenceNumber": kSequenceNumber, "sequenceNumber": kSequenceNumber,
	"PartitionKey": kPartitionKey, "partitionKey": kPartitionKey,
	"Sns": kSns, "TopicArn": kTopicArn, "Message": kCapMessage, "message": kMessage, "@message": kMessage,
	"Body": kCapBody, "body": kBody,
	"MessageId": kMessageID, "messageId": kMessageID, "message_id": kMessageID,
	"ReceiptHandle": kReceiptHandle, "receiptHandle": kReceiptHandle,
	"s3": kS3, "s3Bucket": kS3Bucket, "s3ObjectKey": kS3ObjectKey, "Event": kCapEvent,
	"result": kResult, "results": kResults, "_raw": kRaw, "preview": kPreview, "offset": kOffset, "lastrow": kLastRow,
	"event": kEvent, "sourcetype": kSourcetype,
	"tables":      kTables,
	"specversion": kSpecVersion, "type": kType, "attributes": kAttributes,
	"publish_time": kPublishTime, "publishTime": kPublishTime,
	"ackId": kAckID, "ack_id": kAckID, "subscription": kSubscription,
	"input": kInput, "expected": kExpected, "event.original": kEventOriginal,
	"aws": kAWS, "jsonPayload": kJSONPayload, "eventData": kEventData,
	"_source": kESSource, "hits": kHits,
	"raw_data": kRawData, "rawData": kRawData, "class_uid": kClassUID,
	"timestamp": kTimestamp, "eventId": kEventID, "id": kID,
	"ingestionTime": kIngestionTime, "logStreamName": kLogStreamName, "@timestamp": kAtTimestamp,
	"Records": kList, "records": kList, "value": kList, "Events": kList, "events": kList,
	"entries": kList, "receivedMessages": kList, "Messages": kList,
}

// members is the raw value of each known member of an object.
type members [numKeys][]byte

// read walks the object once. It returns false for an object that has no
// member of an envelope, or is no JSON.
func (m *members) read(obj []byte) bool {
	found := false
	o := jsonscan.Members(obj)
	for {
		name, val, ok := o.Next()
		if !ok {
			return found && o.Err() == nil
		}
		if k, known := names[string(name)]; known {
			// The list of a container wins over another that is no array.
			if k == kList && m[kList] != nil && val[0] != '[' {
				continue
			}
			m[k] = val
			found = true
		}
	}
}

func (m *members) has(k key) bool { return !jsonscan.IsNull(m[k]) }

func (m *members) object(k key) bool { return len(m[k]) > 0 && m[k][0] == '{' }

func (m *members) array(k key) bool { return len(m[k]) > 0 && m[k][0] == '[' }

// holdsJSON reports whether the member is a string that holds an object or
// an array.
func (m *members) holdsJSON(k key) bool { return textHoldsJSON(m[k]) }

func textHoldsJSON(val []byte) bool {
	if !jsonscan.IsString(val) {
		return false
	}
	in := val[1 : len(val)-1]
	// White space may stand before it, escaped as it is in a string.
	for {
		switch {
		case len(in) > 0 && (in[0] == ' ' || in[0] == '\t'):
			in = in[1:]
		case len(in) > 1 && in[0] == '\\' && (in[1] == 'n' || in[1] == 'r' || in[1] == 't'):
			in = in[2:]
		case bytes.HasPrefix(in, bom):
			in = in[len(bom):]
		default:
			return len(in) > 1 && (in[0] == '{' || in[0] == '[')
		}
	}
}

var bom = []byte("\xef\xbb\xbf")

// opening is one envelope being opened.
type opening struct {
	p    *Peeler
	m    *members
	emit func([]byte) error
	res  Result
	err  error
}

// finish settles the verdict from what was found inside.
func (o *opening) finish() (Result, error) {
	if o.err != nil {
		return o.res, o.err
	}
	if o.res.Verdict == event.NotMine { // not settled by the recogniser
		switch {
		case o.res.Emitted > 0:
			o.res.Verdict = event.Decoded
		case o.res.Lost > 0:
			o.res.Verdict = event.Broken
		case o.res.Other > 0:
			o.res.Verdict = event.Skipped
			o.res.Other--
			if o.res.Log == event.NoLog {
				o.res.Log = event.OtherLog
			}
		default:
			o.res.Verdict = event.Decoded
		}
	}
	return o.res, nil
}

// skip settles that the object never holds an audit record.
func (o *opening) skip(l event.Log) {
	o.res.Verdict = event.Skipped
	o.res.Log = l
}

// raw emits a value that is an object or an array; null is nothing.
func (o *opening) raw(val []byte) {
	switch {
	case o.err != nil || jsonscan.IsNull(val):
	case val[0] == '{' || val[0] == '[':
		o.res.Emitted++
		o.err = o.emit(val)
	default:
		o.res.Other++
	}
}

// text emits what a string holds, or an object or array that stands where a
// string is expected.
func (o *opening) text(val []byte) {
	if jsonscan.IsString(val) {
		o.payload(jsonscan.Text(val))
		return
	}
	o.raw(val)
}

// payload emits bytes if they hold JSON.
func (o *opening) payload(b []byte) {
	if o.err != nil {
		return
	}
	b = bytes.TrimSpace(bytes.TrimPrefix(b, bom))
	switch {
	case len(b) == 0:
	case b[0] == '{' || b[0] == '[':
		o.res.Emitted++
		o.err = o.emit(b)
	default:
		if bytes.HasPrefix(b, []byte("CWL CONTROL MESSAGE")) {
			o.res.Log = event.ControlMessage
		}
		o.res.Other++
	}
}

// packed emits what a base64 string holds, gzipped or not. Tools that print
// such envelopes sometimes decode the string: plain JSON is taken as it is.
func (o *opening) packed(val []byte) {
	if !jsonscan.IsString(val) || textHoldsJSON(val) {
		o.text(val)
		return
	}
	b, ok := unbase64(jsonscan.Text(val))
	if !ok {
		o.res.Lost++
		return
	}
	if bytes.HasPrefix(b, gzipMagic) {
		if b, ok = o.p.inflate(b); !ok {
			o.res.Lost++
			return
		}
	}
	o.payload(b)
}

// each emits the objects of an array.
func (o *opening) each(val []byte, open func(elem []byte)) {
	a := jsonscan.Elements(val)
	for o.err == nil {
		elem, ok := a.Next()
		if !ok {
			if a.Err() != nil {
				o.res.Lost++
			}
			return
		}
		open(elem)
	}
}
